// The health routes: their answers follow what the checks say.
import fastify from 'fastify'
import t from 'tap'
import { type HealthView, healthRoutes } from '../../appliance/api/health.ts'
import type { Routes } from '../../appliance/api/routes.ts'

let ready = true
let view: HealthView = { ok: true, checks: [{ name: 'store', ok: true }] }
const app = fastify() as unknown as Routes
healthRoutes(app, {
  ready: async () => ready,
  check: async signal => {
    t.notOk(signal.aborted)
    return view
  },
})
t.teardown(() => app.close())

t.test('the process lives as long as it answers', async t => {
  t.match(await app.inject('/api/health/live'), { statusCode: 200, body: '{"ok":true}' })
})

t.test('it is ready when the store is, and says 503 otherwise', async t => {
  t.match(await app.inject('/api/health/ready'), { statusCode: 200, body: '{"ok":true}' })
  ready = false
  t.match(await app.inject('/api/health/ready'), { statusCode: 503, body: '{"ok":false}' })
})

t.test('the checks are shown as they are, failures too', async t => {
  t.same((await app.inject('/api/health')).json(), view)
  view = { ok: false, checks: [{ name: 'aws', ok: false, code: 'AWS_UNREACHABLE', hint: 'Check it.' }] }
  const answer = await app.inject('/api/health')
  t.equal(answer.statusCode, 200)
  t.same(answer.json(), view)
})
