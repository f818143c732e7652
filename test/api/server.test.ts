// The API around its routes: token, validation, errors, the OpenAPI document. No lab: nothing is set up yet.
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import t from 'tap'
import { createApp } from '../../appliance/app.ts'
import { poll, siteConfig } from '../site.ts'

const dataDir = await mkdtemp(join(tmpdir(), 'hoist-api-'))
const app = await createApp(siteConfig(dataDir), pino({ level: 'silent' }))
t.teardown(async () => {
  await app.stop()
  await rm(dataDir, { recursive: true, force: true })
})
app.start()
const authorization = `Bearer ${app.token}`
await poll(async () => {
  const { state } = (await app.api.inject({ url: '/api/connector', headers: { authorization } })).json()
  return state === 'unregistered' ? true : undefined
})
const inject = (method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH', url: string, payload?: object | string) =>
  app.api.inject({
    method,
    url,
    headers: { authorization, ...(typeof payload === 'string' ? { 'content-type': 'application/json' } : {}) },
    ...(payload === undefined ? {} : { payload }),
  })

t.test('the token stands in a private file and is asked for everywhere but at health and the document', async t => {
  const file = join(dataDir, 'api-token')
  t.equal((await readFile(file, 'utf8')).trim(), app.token)
  t.equal((await stat(file)).mode & 0o777, 0o600)
  const document = (await app.api.inject('/api/openapi.json')).json()
  const open = ['/api/health/live', '/api/health/ready']
  for (const [path, methods] of Object.entries<Record<string, { security?: object[] }>>(document.paths)) {
    for (const [method, { security }] of Object.entries(methods)) {
      const url = path.replaceAll(/\{[^}]+\}/g, 'x')
      const answer = await app.api.inject({ method: method.toUpperCase() as 'GET', url })
      if (open.includes(path)) t.equal(answer.statusCode, 200, path)
      else if (security?.length === 0) t.match(path, /^\/api\/(session|setup\/code)$/)
      else t.match(answer, { statusCode: 401 }, `${method} ${path}`)
    }
  }
  for (const wrong of ['Bearer wrong', `Basic ${app.token}`, `Bearer ${app.token}x`, 'Bearer', app.token]) {
    const answer = await app.api.inject({ url: '/api/jobs', headers: { authorization: wrong } })
    t.match(answer.json(), { code: 'UNAUTHORIZED', hint: /api-token/ }, wrong.slice(0, 12))
  }
})

t.test('unknown keys are refused, not dropped', async t => {
  const body = { serverIds: ['a'], settings: { licence: 'auto', colour: 'green' } }
  const answer = await inject('POST', '/api/jobs', body)
  t.equal(answer.statusCode, 400)
  t.match(answer.json(), { code: 'INVALID_REQUEST', hint: /openapi/ })
  t.equal((await inject('GET', '/api/servers?page=3')).statusCode, 400)
})

t.test('numbers of a query are converted, those of a body are not', async t => {
  t.equal((await inject('GET', '/api/servers?limit=10')).statusCode, 200)
  t.equal((await inject('GET', '/api/servers?limit=0')).statusCode, 400)
  const body = { serverIds: ['a'], schedule: { everyHours: '2' } }
  t.equal((await inject('POST', '/api/jobs', body)).statusCode, 400)
})

t.test(
  'broken JSON, another content type, a body that is too large, an unknown route: each a named refusal',
  async t => {
    t.match((await inject('POST', '/api/jobs', '{"serverIds":')).json(), { code: 'INVALID_REQUEST' })
    t.equal((await inject('POST', '/api/jobs', 'x'.repeat(300 * 1024))).statusCode, 413)
    t.match((await inject('GET', '/api/nothing?secret=1')).json(), {
      code: 'NOT_FOUND',
      message: 'There is no GET /api/nothing',
    })
    const xml = await app.api.inject({
      method: 'POST',
      url: '/api/jobs',
      headers: { authorization, 'content-type': 'application/xml' },
      payload: '<a/>',
    })
    t.equal(xml.statusCode, 415)
  },
)

t.test('an error without a name says nothing of itself', async t => {
  const { items } = (await inject('GET', '/api/jobs')).json()
  t.same(items, [])
  const answer = await inject('GET', '/api/runs?after=not-a-cursor')
  t.ok(answer.statusCode < 500, `${answer.statusCode}`)
})

t.test('what needs settings says so before there are any', async t => {
  for (const [method, url] of [
    ['POST', '/api/registration'],
    ['DELETE', '/api/registration'],
    ['GET', '/api/aws/policies'],
  ] as const) {
    const answer = await inject(method, url)
    t.equal(answer.statusCode, 409, url)
    t.match(answer.json(), { code: 'NOT_CONFIGURED' })
  }
  t.match((await inject('GET', '/api/health')).json(), {
    running: false,
    checks: [{ id: 'network.vcenter', state: 'notStarted' }],
  })
})

t.test('what is not there is NOT_FOUND', async t => {
  for (const [method, url] of [
    ['GET', '/api/servers/none'],
    ['GET', '/api/jobs/none'],
    ['DELETE', '/api/jobs/none'],
    ['POST', '/api/jobs/none/runs'],
    ['GET', '/api/runs/none'],
    ['POST', '/api/runs/none/cancel'],
  ] as const) {
    const answer = await inject(method, url)
    t.equal(answer.statusCode, 404, `${method} ${url}`)
    t.match(answer.json(), { code: 'NOT_FOUND' })
  }
})

t.test('the OpenAPI document describes every route with its answers', async t => {
  const document = (await app.api.inject('/api/openapi.json')).json()
  t.equal(document.openapi, '3.1.0')
  for (const path of [
    '/api/settings',
    '/api/settings/vcenter',
    '/api/settings/aws',
    '/api/registration',
    '/api/catalog/import',
    '/api/servers/{id}',
    '/api/jobs',
    '/api/jobs/{id}/pause',
    '/api/jobs/{id}/resume',
    '/api/jobs/{id}/runs',
    '/api/runs/{id}/cancel',
    '/api/runs/{id}/retry',
    '/api/policy',
    '/api/connector',
    '/api/connector/decision',
    '/api/leftovers',
    '/api/leftovers/clean',
    '/api/leftovers/adopt',
    '/api/backups',
    '/api/backups/import',
    '/api/backups/upload',
    '/api/backups/{name}/export',
    '/api/notifications/channels/{id}/test',
    '/metrics',
    '/api/events',
    '/api/health/ready',
  ]) {
    t.ok(document.paths[path], path)
  }
  for (const [path, methods] of Object.entries<Record<string, { summary?: string }>>(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) t.ok(operation.summary, `${method} ${path}`)
  }
})

t.test('answers are never cached and never sniffed', async t => {
  const { headers } = await inject('GET', '/api/settings')
  t.match(headers, { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
})

t.test('every route refuses a query key that it does not know, and a body that it does not take', async t => {
  const document = (await app.api.inject('/api/openapi.json')).json()
  const operations = Object.entries<Record<string, { requestBody?: object }>>(document.paths).flatMap(
    ([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )
  t.ok(operations.length > 20)
  for (const { path, method, operation } of operations) {
    const url = path.replaceAll(/\{[^}]+\}/g, 'x')
    // Only the session of a setup gets that far.
    if (path === '/api/setup/administrator') continue
    const what = `${method} ${path}`
    const send = (payload: object | undefined, query: string) =>
      inject(method.toUpperCase() as 'GET', url + query, payload)
    t.match((await send(undefined, '?colour=green')).json(), { code: 'INVALID_REQUEST' }, what)
    if (method === 'get') continue
    const { statusCode, body } = await send({ colour: 'green' }, '')
    const takesFile = JSON.stringify(operation.requestBody ?? '').includes('application/octet-stream')
    t.equal(statusCode, takesFile ? 415 : 400, what)
    if (!takesFile) t.match(body, operation.requestBody ? /openapi/ : /takes no body/, what)
  }
})

t.test('a path that is no UTF-8 or too long is refused in the form of every other error', async t => {
  for (const [url, status] of [
    ['/api/%E0%A4%A', 400],
    // Longer than any id: that it is too long is the route's to say, to whoever may ask.
    [`/api/jobs/${'a'.repeat(10_000)}`, 400],
    [`/api/jobs/${'a'.repeat(129)}`, 400],
    [`/api/jobs/${'a'.repeat(128)}`, 404],
  ] as const) {
    const answer = await inject('GET', url)
    t.equal(answer.statusCode, status)
    t.same(Object.keys(answer.json()), ['code', 'message', 'hint'])
  }
})

t.test('a stranger does not learn from a long id or a body which routes there are', async t => {
  const { api } = app
  for (const url of ['/api/jobs/', '/api/none/'].map(path => path + 'a'.repeat(10_000)))
    t.equal((await api.inject({ method: 'DELETE', url })).statusCode, 401)
})

t.test('what no route matches is not found, also with a body', async t => {
  const { statusCode, body } = await inject('DELETE', '/api/password-check', { a: 1 })
  t.equal(statusCode, 404)
  t.match(body, /There is no DELETE/)
})

t.test('the document has the rules for names of tags', async t => {
  const { paths } = (await app.api.inject('/api/openapi.json')).json()
  const { schema } = paths['/api/jobs'].post.requestBody.content['application/json']
  const { propertyNames, additionalProperties } = schema.properties.settings.properties.tags
  t.match(propertyNames, { minLength: 1, maxLength: 128, pattern: /u001f/, not: { pattern: /hoist/ } })
  t.match(additionalProperties, { type: 'string', maxLength: 256 })
})
