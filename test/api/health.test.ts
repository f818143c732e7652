// The health routes: their answers follow what the checks say.
import t from 'tap'
import type { HealthView } from '../../appliance/api/schemas/health.ts'
import { memoryApi } from './memory-api.ts'

let ready = true
let view: HealthView = { checks: [], running: false }
let rounds = 0
const { api, call } = await memoryApi({
  health: {
    ready: async () => ready,
    view: () => view,
    run: () => ({ started: rounds++ === 0 }),
  },
})
t.teardown(() => api.close())

t.test('the process lives as long as it answers', async t => {
  t.match(await api.inject('/api/health/live'), { statusCode: 200, body: '{"ok":true}' })
})

t.test('it is ready when the store is, and says 503 otherwise', async t => {
  t.match(await api.inject('/api/health/ready'), { statusCode: 200, body: '{"ok":true}' })
  ready = false
  t.match(await api.inject('/api/health/ready'), { statusCode: 503, body: '{"ok":false}' })
})

t.test('the checks are shown as they are, failures too', async t => {
  t.same((await call('GET', '/api/health')).body, view)
  view = {
    checks: [
      { id: 'network.s3', group: 'network', title: 'S3', state: 'inProgress', at: '2026-03-01T00:00:00.000Z' },
      { id: 'aws.x', group: 'aws', title: 'X', state: 'error', cause: 'Away', fix: 'Look', tookMs: 5 },
    ],
    at: '2026-03-01T00:00:00.000Z',
    running: true,
  }
  t.same((await call('GET', '/api/health')).body, view)
})

t.test('a round is begun once', async t => {
  t.same(await call('POST', '/api/health/run'), { status: 202, body: { started: true } })
  t.same(await call('POST', '/api/health/run'), { status: 202, body: { started: false } })
})
