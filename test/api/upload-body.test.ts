// Bodies that are files, on a server of their own: bytes reach the route, everything else is refused before it.
import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import fastify from 'fastify'
import t, { type Test } from 'tap'
import { Type } from 'typebox'
import { handleErrors } from '../../appliance/api/error-handler.ts'
import type { Routes } from '../../appliance/api/routes.ts'
import {
  takeUpload,
  type Upload,
  UploadBody,
  type UploadLimits,
  uploadRoutes,
  uploadType,
} from '../../appliance/api/upload-body.ts'

const app = fastify({ bodyLimit: 100 }).setValidatorCompiler(TypeBoxValidatorCompiler) as unknown as Routes
handleErrors(app)
const seen: unknown[] = []
const querystring = Type.Object({}, { additionalProperties: false })
uploadRoutes(app, scope =>
  scope.put('/file', { schema: { body: UploadBody, querystring } }, async request => {
    seen.push(request.body)
    const bytes = Buffer.concat(await Array.fromAsync(request.raw))
    return { bytes: bytes.length }
  }),
)
app.put('/other', async request => ({ got: request.body }))
t.teardown(() => app.close())
const send = (type: string, payload: string | Buffer, url = '/file') =>
  app.inject({ method: 'PUT', url, headers: { 'content-type': type }, payload })

t.test('bytes of any number reach the route, and nobody else has them as the body', async t => {
  t.same((await send(uploadType, Buffer.alloc(500_000))).json(), { bytes: 500_000 })
  t.same((await send(uploadType, '')).json(), { bytes: 0 })
  t.strictSame(seen, [undefined, undefined])
})

t.test('other types are refused there, and bytes elsewhere; the query is validated as everywhere', async t => {
  t.equal((await send('application/json', '{}')).statusCode, 415)
  t.equal((await send(uploadType, 'x', '/other')).statusCode, 415)
  t.same((await send('application/json', '{"a":1}', '/other')).json(), { got: { a: 1 } })
  t.match((await send(uploadType, 'x', '/file?a=1')).json(), { code: 'INVALID_REQUEST' })
})

/** A server that takes each body as it is told, and a request to it whose bytes the test sends when it likes. */
async function taking(
  t: Test,
  take: (upload: Upload) => Promise<string>,
  limits: Partial<UploadLimits> = {},
  headers: Record<string, number> = {},
) {
  const came = Promise.withResolvers<IncomingMessage>()
  const ended = Promise.withResolvers<unknown>()
  const server = createServer((raw, answer) => {
    came.resolve(raw)
    const given = { silenceMs: 60_000, wasteBytes: 1e9, ...limits }
    takeUpload(raw, take, given).then(
      text => {
        answer.end(text)
        ended.resolve(text)
      },
      (thrown: unknown) => {
        answer.writeHead(422).end()
        ended.resolve(thrown)
      },
    )
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  // As browsers do: a connection that ends with its answer would be closed before all has come.
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => agent.destroy())
  const sent = request({ host: '127.0.0.1', port, method: 'PUT', agent, headers })
  const answered = Promise.withResolvers<number | string>()
  sent.on('response', answer => answered.resolve(answer.resume().statusCode ?? 0))
  sent.on('error', error => answered.resolve('code' in error ? String(error.code) : error.message))
  return { sent, came: came.promise, ended: ended.promise, answered: answered.promise }
}

/** Whether by an error or not. */
async function closed(raw: IncomingMessage): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  raw.once('close', resolve)
  if (!raw.closed) await promise
}

t.test('a body is handed over as it comes, with the size that is said beforehand', async t => {
  let sizeBytes: number | undefined
  const { sent, ended } = await taking(
    t,
    async upload => {
      sizeBytes = upload.sizeBytes
      return Buffer.concat(await Array.fromAsync(upload.content)).toString()
    },
    {},
    { 'content-length': 6 },
  )
  sent.write('one')
  sent.end('two')
  t.equal(await ended, 'onetwo')
  t.equal(sizeBytes, 6)
})

t.test('whoever sends what is refused in the middle still gets the answer', async t => {
  const { sent, answered, came } = await taking(t, async ({ content }) => {
    for await (const piece of content) throw new Error(`refused after ${piece.length}`)
    return ''
  })
  for (let piece = 0; piece < 100; piece++) sent.write(Buffer.alloc(64 * 1024))
  sent.end()
  t.equal(await answered, 422)
  const raw = await came
  await closed(raw)
  t.ok(raw.complete, 'all of it was read')
})

t.test('no more than so much of what was refused is read', async t => {
  const { sent, came, answered } = await taking(t, async () => Promise.reject(new Error('no')), { wasteBytes: 1e6 })
  sent.on('drain', () => sent.write(Buffer.alloc(256 * 1024)))
  sent.write(Buffer.alloc(256 * 1024))
  const raw = await came
  await closed(raw)
  t.notOk(raw.complete)
  t.ok([422, 'ECONNRESET', 'EPIPE'].includes(await answered))
})

t.test('who falls silent is cut off: while it is taken, and when it was refused', async t => {
  const read = async ({ content }: Upload) => String((await Array.fromAsync(content)).length)
  const refuse = async () => Promise.reject(new Error('no'))
  for (const take of [read, refuse]) {
    const { sent, came, ended } = await taking(t, take, { silenceMs: 30 })
    sent.write('x')
    const raw = await came
    // The timer of a silence keeps no process alive.
    const alive = setInterval(() => undefined, 10)
    await closed(raw)
    clearInterval(alive)
    t.ok(raw.destroyed && !raw.complete)
    t.match(String(await ended), take === read ? /No byte came/ : /no/)
  }
})

t.test('of who goes away after the refusal nothing is left', async t => {
  const { sent, came, answered } = await taking(t, async () => Promise.reject(new Error('no')))
  sent.write('x')
  t.equal(await answered, 422)
  sent.destroy()
  const raw = await came
  await closed(raw)
  t.ok(raw.destroyed)
})
