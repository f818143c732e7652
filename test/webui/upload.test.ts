// Uploads: sent as they are, followed, ended by their signal, refused in words.
import t from 'tap'
import { setCsrf, whenSessionIsForeign } from '../../webui/request.ts'
import { requestUpload, sendingWords } from '../../webui/upload.ts'
import { fakeApi } from './fake-api.ts'

const file = new Blob(['0123456789'])
const options = (onProgress: (sent: number) => void = () => undefined) => ({
  onProgress,
  signal: new AbortController().signal,
})
/** The page of a browser, as far as it is asked whether it may be closed. */
const leaving = new Set<unknown>()
Object.assign(globalThis, {
  addEventListener: (kind: string, act: unknown) => kind === 'beforeunload' && leaving.add(act),
  removeEventListener: (_kind: string, act: unknown) => leaving.delete(act),
})

t.test('a file is sent as it is, with what every change carries, and how far it is is told', async t => {
  const api = fakeApi({ 'PUT /api/x': () => ({ body: { sizeBytes: 10 } }) })
  t.teardown(api.stop)
  setCsrf('c')
  const told: number[] = []
  t.strictSame(
    await requestUpload(
      'PUT',
      '/api/x',
      file,
      options(sent => {
        told.push(sent)
        t.equal(leaving.size, 1, 'whoever closes the window is asked')
      }),
    ),
    { sizeBytes: 10 },
  )
  t.strictSame(told, [5, 10])
  t.equal(leaving.size, 0)
  t.equal(api.asked[0]?.body, file)
  t.match(api.asked[0]?.headers, { 'content-type': 'application/octet-stream', 'x-hoist-csrf': 'c' })
})

t.test('a refusal and a broken connection are ApiErrors', async t => {
  const refused = { code: 'RELEASE_DAMAGED', message: 'm', hint: 'h' }
  const api = fakeApi({
    'PUT /api/x': () => ({ status: 422, body: refused }),
    'PUT /api/away': () => ({ status: 0 }),
  })
  t.teardown(api.stop)
  await t.rejects(requestUpload('PUT', '/api/x', file, options()), { ...refused, status: 422 })
  await t.rejects(requestUpload('PUT', '/api/away', file, options()), { code: 'UPLOAD_BROKEN', hint: /network/ })
  t.equal(leaving.size, 0)
})

t.test('the signal ends it, with its reason, at the beginning and on the way', async t => {
  const api = fakeApi({ 'PUT /api/x': () => ({ body: {} }) })
  t.teardown(api.stop)
  const ending = new AbortController()
  const reason = new Error('not any more')
  const sent = requestUpload('PUT', '/api/x', file, { onProgress: () => ending.abort(reason), signal: ending.signal })
  await t.rejects(sent, reason)
  await t.rejects(requestUpload('PUT', '/api/x', file, { ...options(), signal: ending.signal }), reason)
  await new Promise(setImmediate)
  t.strictSame(api.asked, [], 'nobody was asked')
})

t.test('a session of another window is taken over, and the file is sent again', async t => {
  const refused = { status: 403, body: { code: 'CSRF_REFUSED', message: 'm', hint: 'h' } }
  const api = fakeApi({
    'PUT /api/x': ({ headers }) => (headers['x-hoist-csrf'] === 'new' ? { body: { ok: true } } : refused),
  })
  t.teardown(api.stop)
  t.teardown(() => whenSessionIsForeign(async () => false))
  setCsrf('old')
  whenSessionIsForeign(async () => {
    setCsrf('new')
    return true
  })
  t.strictSame(await requestUpload('PUT', '/api/x', file, options()), { ok: true })
})

t.test('how far it is is said in bytes, and in time once that can be known', async t => {
  const mib = 2 ** 20
  const sending = { totalBytes: 240 * mib, startedMs: 1000 }
  t.strictSame(sendingWords({ ...sending, sentBytes: 0 }, 60_000), ['0 B of 240 MiB'])
  t.strictSame(sendingWords({ ...sending, sentBytes: 2 * mib }, 1500), ['2 MiB of 240 MiB'])
  t.strictSame(sendingWords({ ...sending, sentBytes: 40 * mib }, 11_000), [
    ...['40 MiB of 240 MiB', '4 MiB/s', '50 s left'],
  ])
  t.strictSame(sendingWords({ ...sending, sentBytes: 240 * mib }, 61_000), [
    ...['240 MiB of 240 MiB', 'All is sent: the appliance checks it'],
  ])
})
