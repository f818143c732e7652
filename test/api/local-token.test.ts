// The token of the rescue mode: asked for at every route that is not open, in whatever form it is sent.
import fastify from 'fastify'
import t from 'tap'
import { handleErrors } from '../../appliance/api/error-handler.ts'
import { requireToken } from '../../appliance/api/local-token.ts'
import type { Routes } from '../../appliance/api/routes.ts'

const token = 'x'.repeat(43)
const app = fastify() as unknown as Routes
handleErrors(app)
requireToken(app, token)
app.get('/api/rescue', () => ({}))
app.get('/api/health/live', () => ({}))
t.teardown(() => app.close())

const ask = async (authorization: string | undefined, url = '/api/rescue') =>
  (await app.inject({ url, headers: authorization === undefined ? {} : { authorization } })).statusCode

t.test('the token opens every route, whatever the case of its scheme', async t => {
  t.equal(await ask(`Bearer ${token}`), 200)
  t.equal(await ask(`bearer ${token}`), 200)
})

t.test('a cookie opens nothing', async t => {
  const headers = { cookie: `__Host-hoist=${token}` }
  t.equal((await app.inject({ url: '/api/rescue', headers })).statusCode, 401)
})

t.test('anything else is refused, also for routes that do not exist', async t => {
  const wrong = [undefined, '', 'Bearer', 'Bearer ', `Bearer  ${token}`, `Basic ${token}`, token, `Bearer ${token}x`]
  for (const authorization of [...wrong, `Bearer ${token.slice(1)}`, 'Bearer ünïcode']) {
    t.equal(await ask(authorization), 401, String(authorization).slice(0, 12))
    t.equal(await ask(authorization, '/api/none'), 401)
  }
})

t.test('the page is open, and nothing below /api is the page', async t => {
  const app = fastify() as unknown as Routes
  handleErrors(app)
  requireToken(app, token)
  app.get('/*', () => ({}))
  const ask = async (authorization: string | undefined, url: string) =>
    (await app.inject({ url, headers: authorization === undefined ? {} : { authorization } })).statusCode
  for (const url of ['/', '/runs/1', '/assets/a.js', '/apis']) t.equal(await ask(undefined, url), 200, url)
  for (const url of ['/api', '/api/', '/api/jobs', '/metrics']) {
    t.equal(await ask(undefined, url), 401, url)
    t.equal(await ask(`Bearer ${token}`, url), 200, url)
  }
})
