// Bodies that never end and connections without number, over real sockets.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import fastify from 'fastify'
import t, { type Test } from 'tap'
import { limitConnections } from '../../appliance/api/connection-limits.ts'
import type { Routes } from '../../appliance/api/routes.ts'
import { takeUpload, uploadRoutes, uploadType } from '../../appliance/api/upload-body.ts'

const bodyMs = 300

async function served(t: Test, connections = 100) {
  const app = fastify() as unknown as Routes
  limitConnections(app, { connections, bodyMs })
  app.addHook('onRequest', async (request, reply) =>
    request.headers.authorization === undefined && request.url !== '/events' ? reply.code(401).send({}) : undefined,
  )
  app.post('/json', () => ({ taken: true }))
  app.get('/events', (_request, reply) => {
    reply.hijack()
    reply.raw.writeHead(200).write('begun')
  })
  uploadRoutes(app, scope =>
    scope.put('/file', request =>
      takeUpload(request.raw, async ({ content }) => {
        let bytes = 0
        for await (const piece of content) bytes += piece.length
        return { bytes }
      }),
    ),
  )
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  const { port } = app.server.address() as { port: number }
  return async (head: string) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.on('error', () => undefined)
    t.teardown(() => socket.destroy())
    let heard = ''
    socket.setEncoding('latin1').on('data', text => {
      heard += text
    })
    await once(socket, 'connect')
    socket.write(`${head.replaceAll('\n', '\r\n')}\r\n\r\n`)
    return { socket, heard: () => heard }
  }
}

/** A byte now and then, as long as the other side takes it; resolves with whether it still did after so many milliseconds. */
async function drip(socket: Socket, forMs: number): Promise<boolean> {
  for (const end = performance.now() + forMs; performance.now() < end; await delay(50)) {
    if (socket.destroyed || !socket.writable) return false
    socket.write('x')
  }
  return !socket.destroyed
}

const slow = (method: string, path: string, type: string, extra = '') =>
  `${method} ${path} HTTP/1.1\nHost: hoist\nContent-Type: ${type}\nContent-Length: 100000${extra}`
const known = '\nAuthorization: Bearer x'

t.test('who was refused and goes on sending is cut off', async t => {
  const ask = await served(t)
  const { socket, heard } = await ask(slow('POST', '/json', 'application/json'))
  t.notOk(await drip(socket, 5 * bodyMs))
  t.match(heard(), /^HTTP\/1\.1 401/)
})

t.test('so is who never ends a document', async t => {
  const ask = await served(t)
  const { socket } = await ask(slow('POST', '/json', 'application/json', known))
  t.notOk(await drip(socket, 5 * bodyMs))
})

t.test('a file takes its time, and so does an answer', async t => {
  const ask = await served(t)
  const file = await ask(slow('PUT', '/file', uploadType, known))
  const events = await ask('GET /events HTTP/1.1\nHost: hoist')
  t.ok(await drip(file.socket, 3 * bodyMs))
  t.notOk(events.socket.destroyed)
  t.match(events.heard(), /begun/)
})

t.test('a document that comes in time is taken, and the connection stays for the next', async t => {
  const ask = await served(t)
  const head = 'POST /json HTTP/1.1\nHost: hoist\nContent-Type: application/json\nContent-Length: 2'
  const { socket, heard } = await ask(head + known)
  socket.write('{}')
  await delay(2 * bodyMs)
  t.match(heard(), /200 OK[\s\S]*"taken":true/)
  t.notOk(socket.destroyed)
})

t.test('one connection too many is not taken, and those before it are kept', async t => {
  const ask = await served(t, 2)
  const events = 'GET /events HTTP/1.1\nHost: hoist'
  const first = await ask(events)
  const second = await ask(events)
  const third = await ask(events)
  await delay(200)
  t.strictSame(
    [first, second, third].map(({ heard }) => heard().includes('begun')),
    [true, true, false],
  )
  t.ok(third.socket.destroyed)
})
