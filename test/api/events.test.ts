// Server-sent events: replay, resume, and readers that are slow.

import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type IncomingMessage, request as plainRequest } from 'node:http'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fastify from 'fastify'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { EventHub, eventRoutes } from '../../appliance/api/events.ts'
import type { Routes } from '../../appliance/api/routes.ts'
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
  for (const odd of ['nonsense', '', '-', `${hub.epoch}-`, `${hub.epoch}-x`, `${hub.epoch}--1`, `${hub.epoch}-1e9`])
    t.equal(hub.since(odd).length, 2, odd)
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

t.test('over HTTPS, a reader that comes back with its last id gets what it missed and no more', async t => {
  const hub = new EventHub()
  const read = await served(t, hub)
  hub.publish(run('a', 1))
  const first = await read({}, 1)
  t.same(first.data, [1])
  hub.publish(run('b', 2))
  hub.publish(run('a', 3))
  hub.publish(run('b', 4))
  const second = await read({ 'last-event-id': first.ids[0] ?? '' }, 2)
  t.same(second.data, [3, 4], 'the newest state of each')
  t.same((await read({ 'last-event-id': 'other-99' }, 2)).data, [3, 4])
})

t.test('a reader that does not read gets the newest states when it does, never an older one after', async t => {
  const hub = new EventHub()
  const read = await served(t, hub)
  const fill = 'x'.repeat(100_000)
  let published = 0
  const { data, ids } = await read({}, Number.POSITIVE_INFINITY, async (incoming, done) => {
    incoming.pause()
    // Far more than the kernel's and our own buffers hold.
    for (; published < 400; published++) hub.publish(run(`${published % 3}`, { published, fill }))
    await new Promise(resolve => setTimeout(resolve, 50))
    incoming.resume()
    await new Promise(resolve => setTimeout(resolve, 200))
    hub.publish(run('last', { published }))
    await done(text => text.includes(`"published":${published}`))
  })
  t.ok(data.length < 400, `${data.length} of 400 were sent`)
  const numbers = ids.map(id => Number(id.split('-')[1]))
  t.same(
    numbers,
    numbers.toSorted((a, b) => a - b),
  )
  t.same(
    (data as { published: number }[]).slice(-4).map(event => event.published),
    [397, 398, 399, 400],
  )
})

t.test('a reader that comes back after its connection broke is noticed, a new one is not', async t => {
  const hub = new EventHub()
  let returned = 0
  hub.onReturn(() => returned++)
  const app = fastify() as unknown as Routes
  eventRoutes(app, hub)
  t.teardown(() => app.close())
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  for (const [headers, expected] of [
    [{}, 0],
    [{ 'last-event-id': `${hub.epoch}-0` }, 1],
  ] as const) {
    const outgoing = plainRequest(`${address}/api/events`, { headers })
    outgoing.end()
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
    incoming.on('error', () => undefined)
    await once(incoming, 'data')
    t.equal(returned, expected)
    outgoing.destroy()
  }
})

t.test('HEAD of the endless answer ends', async t => {
  const hub = new EventHub()
  const app = fastify() as unknown as Routes
  eventRoutes(app, hub)
  t.equal((await app.inject({ method: 'HEAD', url: '/api/events' })).statusCode, 404)
  await app.close()
})

/** Serves a hub alone, and gives a reader of it: it reads until so many events have come, or as long as `meanwhile` takes. */
async function served(t: Test, hub: EventHub) {
  const app = fastify({ forceCloseConnections: true }) as unknown as Routes
  eventRoutes(app, hub)
  t.teardown(() => app.close())
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  return async (
    headers: Record<string, string>,
    events: number,
    meanwhile?: (
      incoming: IncomingMessage,
      done: (when: (text: string) => boolean) => Promise<void>,
    ) => Promise<unknown>,
  ) => {
    const outgoing = plainRequest(`${address}/api/events`, { headers })
    outgoing.end()
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage]
    incoming.on('error', () => undefined)
    incoming.setEncoding('utf8')
    let text = ''
    let look: () => void = () => undefined
    incoming.on('data', (chunk: string) => {
      text += chunk
      look()
    })
    const fields = (name: string) =>
      [...text.matchAll(new RegExp(`^${name}: (.*)$`, 'gm'))].map(([, value]) => value ?? '')
    const done = (when: (text: string) => boolean) =>
      new Promise<void>(resolve => {
        look = () => {
          if (text.endsWith('\n\n') && when(text)) resolve()
        }
        look()
      })
    await (meanwhile ? meanwhile(incoming, done) : done(() => fields('data').length >= events))
    outgoing.destroy()
    return { ids: fields('id'), data: fields('data').map(data => JSON.parse(data)) }
  }
}
