import t from 'tap'
import { accessTable } from '../../appliance/api/access.ts'
import { api, query } from '../../webui/api.ts'
import { fakeApi } from './fake-api.ts'

t.test('a query holds what is given, encoded', async t => {
  t.equal(query({}), '')
  t.equal(query({ a: 1, b: undefined, c: '' }), '?a=1')
  t.equal(query({ text: 'a b&c', limit: 5, on: true }), '?text=a+b%26c&limit=5&on=true')
})

/** Of the appliance while its database is damaged: an API of its own, tried by test/api/rescue.test.ts. */
const rescueRoutes = [
  'GET /api/rescue',
  'POST /api/rescue/restore',
  'POST /api/rescue/export',
  'PUT /api/rescue/upload',
  'POST /api/rescue/import',
]

t.test('every call of the page is a route of the API', async t => {
  const fake = fakeApi({})
  t.teardown(fake.stop)
  // Uploads ask the browser to warn whoever leaves, and are ended by a signal.
  Object.assign(globalThis, { addEventListener: () => undefined, removeEventListener: () => undefined })
  const { signal } = new AbortController()
  for (const call of Object.values(api) as ((...given: unknown[]) => Promise<unknown>)[]) {
    // Whatever it is given: only where it asks is looked at.
    await call('ID', { signal, onProgress: () => undefined }).catch(() => undefined)
  }
  t.equal(fake.asked.length, Object.keys(api).length)
  const routes = [...Object.keys(accessTable), ...rescueRoutes].map(route => route.replace(/\/:[a-z]+/gi, '/ID'))
  for (const { method, path } of fake.asked) {
    const line = `${method} ${path.split('?')[0] ?? ''}`
    t.ok(routes.includes(line), line)
  }
})
