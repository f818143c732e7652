// The routes of support: the log by pages, the bundle as a stream, the report as text.
import { Readable } from 'node:stream'
import t from 'tap'
import { apiToken, memoryApi } from './memory-api.ts'

const asked: unknown[] = []
let content = () => Readable.from([Buffer.from('bundle')])
const { api, call } = await memoryApi({
  support: {
    view: async () => ({ logUpload: { enabled: false }, logBytes: 12 }),
    async logs(query) {
      asked.push(query)
      return { items: [{ at: 'a', level: 'error', message: 'm', fields: { jobId: 'j' } }], next: 'n:1' }
    },
    bundle(query) {
      asked.push(query)
      return { fileName: 'hoist-logs-x.tar.gz', content: content() }
    },
    report: async () => 'What happened:\n',
    setLogUpload: async enabled => ({ enabled }),
  },
})
t.teardown(() => api.close())
const get = (url: string) => api.inject({ url, headers: { authorization: `Bearer ${apiToken}` } })

t.test('lines of the log by level, text and page', async t => {
  t.match(await call('GET', '/api/support/logs?level=error&text=web01&after=n:2&limit=5'), {
    status: 200,
    body: { items: [{ level: 'error', message: 'm', fields: { jobId: 'j' } }], next: 'n:1' },
  })
  t.same(asked.at(-1), { level: 'error', text: 'web01', after: 'n:2', limit: 5 })
  t.match(await call('GET', '/api/support/logs'), { status: 200 })
  t.match(asked.at(-1), { limit: 100 })
  t.match(await call('GET', '/api/support/logs?limit=0'), { status: 400 })
})

t.test('the bundle of a span of time, under its name', async t => {
  const answer = await get('/api/support/bundle?from=2026-03-01T08:00:00%2B01:00&to=2026-03-01T09:00Z&obfuscate=true')
  t.match(answer.headers, {
    'content-type': 'application/gzip',
    'content-disposition': 'attachment; filename="hoist-logs-x.tar.gz"',
  })
  t.equal(answer.body, 'bundle')
  t.same(asked.at(-1), {
    from: new Date('2026-03-01T07:00:00Z'),
    to: new Date('2026-03-01T09:00:00Z'),
    obfuscate: true,
  })
  await get('/api/support/bundle')
  t.same(asked.at(-1), { obfuscate: false })
  t.match(await get('/api/support/bundle?from=2026-13-99T08:00:00Z'), { statusCode: 400 })
})

t.test('two bundles at once, not three', async t => {
  const gates: Readable[] = []
  content = () => {
    const made = new Readable({ read: () => undefined })
    gates.push(made)
    return made
  }
  const first = get('/api/support/bundle')
  const second = get('/api/support/bundle')
  while (gates.length < 2) await new Promise(setImmediate)
  t.match(await call('GET', '/api/support/bundle'), { status: 429 })
  for (const gate of gates) gate.push(null)
  t.match([await first, await second], [{ statusCode: 200 }, { statusCode: 200 }])
  content = () => Readable.from([Buffer.from('again')])
  t.equal((await get('/api/support/bundle')).body, 'again')
})

t.test('the report is plain text; the upload is switched', async t => {
  t.match(await get('/api/support/report'), { headers: { 'content-type': /^text\/plain/ }, body: 'What happened:\n' })
  t.same(await call('GET', '/api/support'), { status: 200, body: { logUpload: { enabled: false }, logBytes: 12 } })
  t.same(await call('PUT', '/api/settings/log-upload', { enabled: true }), { status: 200, body: { enabled: true } })
  t.match(await call('PUT', '/api/settings/log-upload', {}), { status: 400 })
})
