// GET /api/throughput, as its schema says.
import t from 'tap'
import { ThroughputHistory } from '../../appliance/metrics/throughput.ts'
import { memoryApi } from './memory-api.ts'

t.test('the last hour is told with the clock that it was measured by', async t => {
  let nowMs = Date.parse('2026-03-01T10:00:00Z')
  const throughput = new ThroughputHistory(() => new Date(nowMs))
  const { api, call } = await memoryApi({ throughput })
  t.teardown(() => api.close())
  nowMs += 10_000
  throughput.sample()
  t.same(await call('GET', '/api/throughput'), {
    status: 200,
    body: {
      now: '2026-03-01T10:00:10.000Z',
      samples: [{ at: '2026-03-01T10:00:10.000Z', seconds: 10, bytesPerSecond: 0 }],
    },
  })
  t.equal((await api.inject('/api/throughput')).statusCode, 401)
})
