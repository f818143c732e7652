// The table of access: every route has its line, and every role, token and stranger gets what the line says, and no more.
import fastify from 'fastify'
import t from 'tap'
import { type Access, accessFor, accessTable, hasRole, requireAccess } from '../../appliance/api/access.ts'
import type { Routes } from '../../appliance/api/routes.ts'
import { startAccessApi } from './access-api.ts'
import type { Method } from './browser.ts'
import { apiToken, metricsToken } from './memory-api.ts'

const { api, lab, browser, signedIn, close } = await startAccessApi()
t.teardown(close)

/** Files and the document of the page: there is no secret in them. */
const pages = new Set(['/*', '/api/docs'])

/** Every route there is, the hidden ones too, as "METHOD /url". */
function registered(): { method: Method; route: string }[] {
  const found: { method: Method; route: string }[] = []
  const paths: string[] = []
  for (const line of api.printRoutes({ commonPrefix: false }).split('\n')) {
    const match = /^((?:│ {3}| {4})*)(?:├── |└── )(\S*)(?: \(([A-Z, ]+)\))?/.exec(line)
    if (!match) continue
    const depth = (match[1] ?? '').length / 4
    paths.length = depth
    paths.push(match[2] ?? '')
    for (const method of (match[3] ?? '').split(', '))
      if (method) found.push({ method: method as Method, route: paths.join('') })
  }
  return found
}
const routes = registered()
const accessOf = ({ method, route }: { method: string; route: string }): Access => {
  const line = accessTable[`${method === 'HEAD' ? 'GET' : method} ${route}`]
  if (!line) throw new Error(`${method} ${route} is not in the table`)
  return line
}
const urlOf = (route: string) => route.replace(/:\w+/g, 'x')

t.test('a route without a line cannot be registered, in a plugin neither', async t => {
  const app = fastify() as unknown as Routes
  requireAccess(app, { 'GET /known': { role: 'support' } })
  app.get('/known', () => ({}))
  t.throws(() => app.get('/new', () => ({})), /"GET \/new" has no line/)
  t.throws(() => app.post('/known', () => ({})), /"POST \/known" has no line/)
  const other = fastify() as unknown as Routes
  requireAccess(other, {})
  await t.rejects(async () => {
    await other.register(async inner => {
      inner.get('/hidden', () => ({}))
    })
  }, /has no line/)
})

t.test('methods of one route may not have different lines', async t => {
  const app = fastify() as unknown as Routes
  requireAccess(app, { 'GET /x': { role: 'support' }, 'POST /x': { role: 'operator' } })
  t.throws(() => app.route({ method: ['GET', 'POST'], url: '/x', handler: () => ({}) }), /different lines/)
})

t.test('what no route matches, and what a page route would swallow of the API, asks for a role', async t => {
  const page = accessTable['GET /*']
  t.match(accessFor(undefined, '/x'), { role: 'support' })
  for (const url of ['/api', '/api/', '/api/none', '/api?x', '/metrics', '/metrics/x', '/api#x'])
    t.match(accessFor(page, url), { role: 'support' }, url)
  for (const url of ['/', '/setup', '/apiary', '/index.html']) t.match(accessFor(page, url), { role: 'nobody' }, url)
})

t.test('roles are in order', async t => {
  const order = ['support', 'operator', 'administrator'] as const
  for (const [has, role] of order.entries())
    for (const [wants, wanted] of order.entries()) t.equal(hasRole(role, wanted), has >= wants)
})

t.test('every route was found', async t => {
  t.ok(routes.length > 80, `${routes.length}`)
  for (const route of routes) t.ok(accessOf(route), `${route.method} ${route.route}`)
  const { paths } = (await api.inject('/api/openapi.json')).json<{ paths: Record<string, object> }>()
  const known = new Set(routes.map(({ method, route }) => `${method} ${route}`))
  for (const [path, operations] of Object.entries(paths))
    for (const method of Object.keys(operations))
      t.ok(known.has(`${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`), path)
})

t.test('only what is meant to be open answers a stranger', async t => {
  const open = routes.filter(route => ['nobody', 'anybody'].includes(accessOf(route).role))
  t.strictSame(
    open
      .filter(({ method, route }) => method !== 'HEAD' && !pages.has(route))
      .map(({ method, route }) => `${method} ${route}`)
      .sort(),
    [
      'GET /api/health/live',
      'GET /api/health/ready',
      'GET /api/openapi.json',
      'GET /api/session',
      'POST /api/session',
      'POST /api/setup/code',
    ],
  )
  for (const route of routes) {
    if (open.includes(route)) continue
    const { status } = await browser().ask(route.method, urlOf(route.route))
    t.equal(status, 401, `${route.method} ${route.route}`)
  }
})

t.test('every role is refused what is not its own, and let in to what is', async t => {
  const roles = ['administrator', 'operator', 'support'] as const
  for (const role of roles) {
    for (const route of routes) {
      const { role: wanted, setupOnly, localOnly } = accessOf(route)
      if (wanted === 'nobody' || wanted === 'anybody' || route.route === '/api/events') continue
      if (route.method === 'DELETE' && route.route === '/api/session') continue
      const browser = await signedInOnce(role)
      // Raw: the other services have nothing, and their answers are not what this is about.
      const answer = await api.inject({
        method: route.method,
        url: urlOf(route.route),
        headers: { cookie: browser.cookie ?? '', 'x-hoist-csrf': browser.csrf ?? '' },
      })
      const what = `${role}: ${route.method} ${route.route}`
      const refused = setupOnly === true || localOnly === true || !hasRole(role, wanted)
      t.equal(answer.statusCode === 403, refused, `${what} ${answer.statusCode}`)
      t.not(answer.statusCode, 401, what)
    }
  }
})

t.test('a read-only token changes nothing, and no token makes heirs', async t => {
  const made = await Promise.all(
    [true, false].map(async readOnly => (await lab.access.tokens.create(undefined, { name: 'ci', readOnly })).secret),
  )
  for (const [index, secret] of made.entries()) {
    const readOnly = index === 0
    for (const route of routes) {
      const { role, noTokens, setupOnly, localOnly } = accessOf(route)
      if (role === 'nobody' || role === 'anybody' || route.route === '/api/events') continue
      const changes = route.method !== 'GET' && route.method !== 'HEAD'
      const { statusCode } = await api.inject({
        method: route.method,
        url: urlOf(route.route),
        headers: { authorization: `Bearer ${secret}` },
      })
      const refused = noTokens === true || setupOnly === true || localOnly === true || (readOnly && changes)
      t.equal(
        statusCode === 403,
        refused,
        `${readOnly ? 'read-only' : 'full'} ${route.method} ${route.route} ${statusCode}`,
      )
      t.not(statusCode, 401)
    }
  }
})

t.test('the metrics token opens the metrics and no other route', async t => {
  for (const route of routes) {
    if (['nobody', 'anybody'].includes(accessOf(route).role)) continue
    const { statusCode } = await api.inject({
      method: route.method,
      url: urlOf(route.route),
      headers: { authorization: `Bearer ${metricsToken}` },
    })
    t.equal(statusCode === 401, route.route !== '/metrics', `${route.method} ${route.route} ${statusCode}`)
  }
})

t.test('the token of the data directory is an administrator', async t => {
  for (const route of routes) {
    if (route.route === '/api/events' || accessOf(route).setupOnly) continue
    if (route.route === '/api/session/password') continue
    const { statusCode } = await api.inject({
      method: route.method,
      url: urlOf(route.route),
      headers: { authorization: `Bearer ${apiToken}` },
    })
    t.notOk([401, 403].includes(statusCode), `${route.method} ${route.route} ${statusCode}`)
  }
})

const browsers = new Map<string, Awaited<ReturnType<typeof signedIn>>>()
async function signedInOnce(role: 'administrator' | 'operator' | 'support') {
  const found = browsers.get(role) ?? (await signedIn(role))
  browsers.set(role, found)
  const { body } = await found.ask<{ state: string }>('GET', '/api/session')
  if (body.state === 'signedIn') return found
  browsers.delete(role)
  return await signedIn(role)
}
