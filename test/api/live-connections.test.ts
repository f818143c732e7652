// Streams end once what opened them does.

import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { createLiveConnections } from '../../appliance/api/live-connections.ts'

t.test('a stream goes on while its session lives, and ends after', async t => {
  const connections = createLiveConnections(() => undefined)
  t.teardown(() => connections.close())
  let live = true
  const stream = new PassThrough()
  const other = new PassThrough()
  connections.watch(stream, async () => live)
  connections.watch(other, async () => true)
  await connections.sweep()
  t.equal(stream.destroyed, false)
  live = false
  await connections.sweep()
  t.equal(stream.destroyed, true)
  t.equal(other.destroyed, false)
})

t.test('one whose session cannot be asked for ends, and the error is told', async t => {
  const told: unknown[] = []
  const connections = createLiveConnections(error => told.push(error))
  t.teardown(() => connections.close())
  const stream = new PassThrough()
  connections.watch(stream, async () => {
    throw new Error('database')
  })
  await connections.sweep()
  t.equal(stream.destroyed, true)
  t.match(told, [{ message: 'database' }])
})

t.test('one that has ended is not asked for again', async t => {
  const connections = createLiveConnections(() => undefined)
  t.teardown(() => connections.close())
  let asked = 0
  const stream = new PassThrough()
  connections.watch(stream, async () => {
    asked += 1
    return true
  })
  stream.destroy()
  await once(stream, 'close')
  await connections.sweep()
  t.equal(asked, 0)
})
