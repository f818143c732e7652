import t from 'tap'
import { Check } from 'typebox/schema'
import { ThroughputView } from '../../../appliance/api/schemas/throughput.ts'

t.test('a sample is a moment and a whole number of bytes', async t => {
  const at = '2026-03-01T10:00:00.000Z'
  t.ok(Check(ThroughputView, { now: at, samples: [{ at, seconds: 10.01, bytesPerSecond: 3 }] }))
  t.ok(Check(ThroughputView, { now: at, samples: [] }))
  t.notOk(Check(ThroughputView, { now: at, samples: [{ at, seconds: 10, bytesPerSecond: 0.5 }] }))
  t.notOk(Check(ThroughputView, { now: at, samples: [{ at, seconds: 10, bytesPerSecond: 3, more: 1 }] }))
  t.notOk(Check(ThroughputView, { samples: [] }))
})
