// Server-sent events: replay, resume, and readers that are slow.

import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import t from 'tap'
import { EventHub } from '../../appliance/api/events.ts'
import { createApp } from '../../appliance/app.ts'
import { siteConfig } from '../site.ts'

const run = (subject: string, data: unknown) => ({ kind: 'run' as const, subject, data })

t.test('a new reader gets the newest state of each subject, oldest change first', async t => {
  const hub = new EventHub()
  hub.publish(run('a', 1))
  hub.publish(run('b', 2))
  hub.publish(run('a', 3))
  t.same(
    hub.since(undefined).map(event => event.data),
    [2, 3],
  )
})

t.test('a reader that comes back gets what it missed, and everything after a restart', async t => {
  const hub = new EventHub()
  hub.publish(run('a', 1))
  hub.publish(run('b', 2))
  t.same(
    hub.since(`${hub.epoch}-1`).map(event => event.data),
    [2],
  )
  t.equal(hub.since('other-1').length, 2)
  t.equal(hub.since('nonsense').length, 2)
})

t.test('the hub does not grow with the number of runs', async t => {
  const hub = new EventHub()
  for (let index = 0; index < 5000; index++) hub.publish(run(`${index}`, index))
  t.equal(hub.since(undefined).length, 1000)
  t.equal(hub.since(undefined).at(-1)?.data, 4999)
})

t.test('over HTTPS, events carry ids and an abandoned stream is let go', async t => {
  const dataDir = await mkdtemp(join(tmpdir(), 'hoist-events-'))
  const app = await createApp(siteConfig(dataDir), pino({ level: 'silent' }))
  t.teardown(async () => {
    await app.stop()
    await rm(dataDir, { recursive: true, force: true })
  })
  const address = await app.api.listen({ host: '127.0.0.1', port: 0 })
  const outgoing = request(`${address}/api/events`, {
    headers: { authorization: `Bearer ${app.token}` },
    ca: app.certificatePem,
  })
  outgoing.end()
  const [incoming] = await once(outgoing, 'response')
  // Leaving in the middle of a stream is an error to Node, and what this test is about.
  incoming.on('error', () => undefined)
  t.equal(incoming.headers['content-type'], 'text/event-stream')
  // An import without settings fails at once, and its two states arrive as events.
  await app.api.inject({
    method: 'POST',
    url: '/api/catalog/import',
    headers: { authorization: `Bearer ${app.token}` },
  })
  let text = ''
  incoming.setEncoding('utf8')
  await new Promise<void>(resolve => {
    incoming.on('data', (chunk: string) => {
      text += chunk
      if (text.includes('"failed"')) resolve()
    })
  })
  const fields = (name: string) =>
    [...text.matchAll(new RegExp(`^${name}: (.*)$`, 'gm'))].map(([, value]) => value ?? '')
  for (const id of fields('id')) t.match(id, /^[0-9a-f]{8}-\d+$/)
  const states = fields('data').map(data => JSON.parse(data).state)
  t.same(states, ['importing', 'failed'])
  outgoing.destroy()
})
