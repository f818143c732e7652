import t from 'tap'
import {
  ApiError,
  request,
  requestFile,
  requestText,
  setBearer,
  setCsrf,
  toApiError,
  whenSessionIsForeign,
  whenSignedOut,
} from '../../webui/request.ts'
import { fakeApi } from './fake-api.ts'

t.test('a change carries the CSRF header and its body; a reading neither', async t => {
  const api = fakeApi({ 'POST /api/x': () => ({ body: { ok: true } }), 'GET /api/x': () => ({ body: { ok: 1 } }) })
  t.teardown(api.stop)
  setCsrf('c'.repeat(8))
  t.strictSame(await request('POST', '/api/x', { a: 1 }), { ok: true })
  t.strictSame(await request('GET', '/api/x'), { ok: 1 })
  t.match(api.asked[0], { headers: { 'x-hoist-csrf': 'cccccccc', 'content-type': 'application/json' }, body: { a: 1 } })
  t.equal(api.asked[1]?.headers['x-hoist-csrf'], undefined)
})

t.test('a refusal is an ApiError with code, message and hint', async t => {
  const refused = { code: 'JOB_EXISTS', message: 'It has one', hint: 'Take that' }
  const api = fakeApi({ 'POST /api/jobs': () => ({ status: 409, body: refused }) })
  t.teardown(api.stop)
  await t.rejects(request('POST', '/api/jobs', {}), { ...refused, status: 409 })
})

t.test('a file that comes has the name that the API gives it', async t => {
  const api = fakeApi({})
  t.teardown(api.stop)
  globalThis.fetch = async () =>
    new Response('bytes', { headers: { 'content-disposition': 'attachment; filename="a.hoistbackup"' } })
  const { blob, name } = await requestFile('POST', '/api/x')
  t.strictSame([name, await blob.text()], ['a.hoistbackup', 'bytes'])
})

t.test('a file that breaks off is no answer, and a refused one is an ApiError', async t => {
  const api = fakeApi({ 'POST /api/x': () => ({ status: 404, body: { code: 'NOT_FOUND', message: 'm', hint: 'h' } }) })
  t.teardown(api.stop)
  await t.rejects(requestFile('POST', '/api/x', {}), { code: 'NOT_FOUND' })
  globalThis.fetch = async () =>
    new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(new Uint8Array(3))
        },
        pull(controller) {
          controller.error(new TypeError('network error'))
        },
      }),
    )
  await t.rejects(requestFile('POST', '/api/x', {}), { code: 'UNREACHABLE' })
})

t.test('an end of the session is told, but not when signing in is refused', async t => {
  const body = { code: 'UNAUTHORIZED', message: 'No', hint: 'Sign in' }
  const api = fakeApi({
    'GET /api/jobs': () => ({ status: 401, body }),
    'POST /api/session': () => ({ status: 401, body }),
  })
  t.teardown(api.stop)
  let told = 0
  whenSignedOut(() => told++)
  await t.rejects(request('POST', '/api/session', {}))
  t.equal(told, 0)
  await t.rejects(request('GET', '/api/jobs'))
  t.equal(told, 1)
})

t.test('no answer, and an answer of something else, have codes of their own', async t => {
  const api = fakeApi({})
  t.teardown(api.stop)
  globalThis.fetch = async () => {
    throw new TypeError('Failed to fetch')
  }
  await t.rejects(request('GET', '/api/x'), { code: 'UNREACHABLE', status: 0 })
  globalThis.fetch = async () => new Response('<html>Bad gateway</html>', { status: 502 })
  await t.rejects(request('GET', '/api/x'), { code: 'UNREADABLE', status: 502 })
  globalThis.fetch = async () => new Response('plain')
  t.equal(await requestText('GET', '/api/x'), 'plain')
})

t.test('whatever was thrown becomes an ApiError', async t => {
  const known = new ApiError('A', 'b', 'c', 400)
  t.equal(toApiError(known), known)
  t.match(toApiError(new Error('odd')), { code: 'PAGE', message: 'odd' })
})

t.test('in the rescue mode every request shows the token', async t => {
  const api = fakeApi({ 'GET /api/x': () => ({ body: {} }), 'POST /api/x': () => ({ body: {} }) })
  t.teardown(api.stop)
  await request('GET', '/api/x')
  setBearer('secret')
  await request('GET', '/api/x')
  await request('POST', '/api/x', {})
  t.strictSame(
    api.asked.map(({ headers }) => headers.authorization),
    [undefined, 'Bearer secret', 'Bearer secret'],
  )
})

t.test('a refusal of the form is told in words, and never as the schema says it', async t => {
  const body = {
    code: 'INVALID_REQUEST',
    message: 'body/accessKeyId must match pattern "^[A-Z0-9]{16,128}$"',
    hint: 'Compare the request with /api/openapi.json.',
  }
  const api = fakeApi({ 'POST /api/x': () => ({ status: 400, body }) })
  t.teardown(api.stop)
  await t.rejects(request('POST', '/api/x', {}), {
    code: 'INVALID_REQUEST',
    message: /"access key ID" is not taken/,
    hint: 'Correct it, and try again.',
  })
})

t.test('a session of another window is taken over once, when it is the same person', async t => {
  let asked = 0
  const refused = { status: 403, body: { code: 'CSRF_REFUSED', message: 'The header x-hoist-csrf', hint: 'Send' } }
  const api = fakeApi({
    'POST /api/x': ({ headers }) => (headers['x-hoist-csrf'] === 'new' ? { body: { ok: true } } : refused),
    'POST /api/never': () => refused,
  })
  t.teardown(api.stop)
  t.teardown(() => whenSessionIsForeign(async () => false))
  setCsrf('old')
  whenSessionIsForeign(async () => {
    asked++
    setCsrf('new')
    return true
  })
  t.strictSame(await request('POST', '/api/x', {}), { ok: true })
  await t.rejects(request('POST', '/api/never', {}), { code: 'CSRF_REFUSED' })
  t.equal(api.asked.filter(({ path }) => path === '/api/never').length, 2, 'tried again once, and no more')
  t.equal(asked, 2)
  whenSessionIsForeign(async () => false)
  await t.rejects(request('POST', '/api/never', {}), { message: /another window/, hint: /Reload/ })
})
