// Errors of the API: named ones keep their words, everything else says nothing of itself.
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import fastify, { type FastifyError } from 'fastify'
import t from 'tap'
import { answerClientError, handleErrors } from '../../appliance/api/error-handler.ts'
import type { Routes } from '../../appliance/api/routes.ts'
import { ApplianceError } from '../../appliance/errors.ts'
import { createLogger } from '../../appliance/log.ts'

const canary = 'CANARY-internal'
const lines: string[] = []
const thrown: Record<string, unknown> = {
  named: new ApplianceError('VCENTER_UNREACHABLE', 'vc cannot be reached', { hint: 'Check it.' }),
  internal: new ApplianceError('INTERNAL', canary, { hint: canary }),
  plain: new Error(canary),
  library: Object.assign(new Error(canary), { statusCode: 404, code: 'NoSuchKey' }),
  statusText: Object.assign(new Error(canary), { statusCode: '404', code: 7 }),
  text: canary,
  nothing: undefined,
}
const app = fastify({ loggerInstance: createLogger({ logLevel: 'error' }, { write: line => void lines.push(line) }) })
handleErrors(app as unknown as Routes)
app.get<{ Params: { kind: string } }>('/throw/:kind', async request => {
  throw thrown[request.params.kind]
})
app.post('/body', { schema: { body: { type: 'object', properties: { a: { type: 'integer' } } } } }, () => ({}))
t.teardown(() => app.close())

t.test('a named error keeps code, words and status, and its 5xx is logged', async t => {
  const answer = await app.inject('/throw/named')
  t.equal(answer.statusCode, 502)
  t.same(answer.json(), { code: 'VCENTER_UNREACHABLE', message: 'vc cannot be reached', hint: 'Check it.' })
  t.match(lines.join(''), /VCENTER_UNREACHABLE/)
})

t.test('an error without a name says nothing of itself, even with a status of its own', async t => {
  for (const kind of ['internal', 'plain', 'library', 'statusText', 'text']) {
    const answer = await app.inject(`/throw/${kind}`)
    t.equal(answer.statusCode, 500, kind)
    t.match(answer.json(), { code: 'INTERNAL', hint: /log/ }, kind)
    t.notOk(answer.body.includes(canary), kind)
  }
  t.match(lines.join(''), /CANARY-internal/, 'the log has it')
})

t.test('what Fastify refuses is INVALID_REQUEST, without what was sent', async t => {
  const post = (payload: string, type = 'application/json') =>
    app.inject({ method: 'POST', url: '/body', payload, headers: { 'content-type': type } })
  for (const payload of [`{"a":"${canary}"}`, `{"a":${canary}`, `{"__proto__":{"a":"${canary}"}}`, '']) {
    const answer = await post(payload)
    t.equal(answer.statusCode, 400, payload)
    t.match(answer.json(), { code: 'INVALID_REQUEST', hint: /openapi/ }, payload)
    t.notOk(answer.body.includes(canary), payload)
  }
  t.match((await post('<a/>', 'text/xml')).json(), { code: 'INVALID_REQUEST' })
})

t.test('an error that repeats a long request is cut', async t => {
  const long = Object.assign(new Error('x'.repeat(10_000)), { statusCode: 400, code: 'FST_ERR_LONG' }) as FastifyError
  thrown.long = long
  t.equal((await app.inject('/throw/long')).json().message.length, 500)
})

t.test('an unknown route is NOT_FOUND without its query', async t => {
  const answer = await app.inject(`/none?token=${canary}`)
  t.match(answer.json(), { code: 'NOT_FOUND', message: 'There is no GET /none' })
})

t.test('what is no request is answered in the same form, and its connection is ended', async t => {
  const server = fastify({ clientErrorHandler: answerClientError })
  t.teardown(() => server.close())
  await server.listen({ port: 0, host: '127.0.0.1' })
  const { port } = server.server.address() as AddressInfo
  for (const [sent, status] of [
    ['nonsense\r\n\r\n', 400],
    [`GET /${'a'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`, 431],
    [`GET / HTTP/1.1\r\nhost: x\r\nx: ${canary.repeat(2_000)}\r\n\r\n`, 431],
  ] as const) {
    const socket = connect(port, '127.0.0.1')
    socket.end(sent)
    const answer = await text(socket)
    const [head = '', body = ''] = answer.split('\r\n\r\n')
    t.match(head, new RegExp(`^HTTP/1.1 ${status} .*application/json`, 's'))
    t.match(JSON.parse(body), { code: 'INVALID_REQUEST', message: /./, hint: /openapi/ })
    t.notOk(answer.includes(canary))
  }
})

t.test('nobody is answered who has gone', async t => {
  const socket = (fields: object) =>
    ({ write: () => t.fail('written'), destroySoon: () => undefined, ...fields }) as never
  answerClientError({ code: 'ECONNRESET' }, socket({ destroyed: false, writable: true }))
  answerClientError({}, socket({ destroyed: true, writable: false }))
  answerClientError({ code: 'ERR_HTTP_REQUEST_TIMEOUT' }, socket({ destroyed: false, writable: false }))
  let written = ''
  const write = (bytes: string) => {
    written = bytes
  }
  answerClientError({ code: 'ERR_HTTP_REQUEST_TIMEOUT' }, socket({ destroyed: false, writable: true, write }))
  t.match(written, /^HTTP\/1.1 408 Request Timeout/)
})
