// The whole of /metrics, read by Prometheus' own parser and held to its conventions.
import t from 'tap'
import { createMetrics } from '../../appliance/metrics/metrics.ts'
import { sampleRun } from '../store/samples.ts'
import { readMetrics } from './read-metrics.ts'
import { sampleNow, sampleReaders } from './samples.ts'

const metrics = createMetrics({
  version: '1.2.3',
  readers: sampleReaders(),
  now: () => sampleNow,
  onError: error => t.fail('a reader failed', { error }),
})
t.teardown(() => metrics.close())
metrics.observe(sampleRun(1, { state: 'uploading' }))
metrics.observe(sampleRun(1, { state: 'uploading', retries: { SlowDown: 2 } }))
metrics.ended(sampleRun(2, { jobId: 'job-1', state: 'succeeded', endedAt: '2030-05-01T10:00:00.000Z' }))

t.test("Prometheus' own parser reads every family, with its type and its help", async t => {
  t.equal(metrics.contentType, 'text/plain; version=0.0.4; charset=utf-8')
  const families = await readMetrics(await metrics.text())
  for (const [name, { type, help, samples }] of Object.entries(families)) {
    t.match(name, /^(hoist|process|nodejs)_[a-z_]+$/)
    t.not(type, 'unknown', name)
    t.match(help, /^[A-Z0-9].*\.$/, name)
    t.ok(samples.length > 0, name)
    for (const { value } of samples) t.ok(Number.isFinite(value), name)
  }
  t.match(families, {
    hoist_info: { type: 'gauge', samples: [{ labels: { version: '1.2.3', connector: 'c-1' }, value: 1 }] },
    hoist_run_bytes_read: { type: 'counter' },
    hoist_retries: { type: 'counter', samples: [{ labels: { cause: 'SlowDown' }, value: 2 }] },
    hoist_event_loop_delay_seconds: { type: 'histogram' },
    hoist_last_success_timestamp_seconds: {
      samples: [
        { labels: { job_id: 'job-1', server: 'web 1' }, value: Date.parse('2030-05-01T10:00:00Z') / 1000 },
        { labels: { job_id: 'job-2', server: 'the "old" \\ one' } },
      ],
    },
  })
})

t.test('names keep the conventions: counters end in _total, sizes and times in their base unit', async t => {
  const text = await metrics.text()
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)]
  t.ok(types.length > 20)
  for (const [, name = '', type] of types) {
    t.equal(name.endsWith('_total'), type === 'counter', name)
    t.notMatch(name, /_(milliseconds|ms|kb|mb|kilobytes|minutes|hours|count|sum|bucket|gauge|counter)(_|$)/, name)
    if (/age|delay|timestamp/.test(name)) t.match(name, /_seconds$/)
    if (/memory|size/.test(name)) t.match(name, /_bytes$/)
  }
})

t.test(
  "what can be labelled is bounded, only jobs grow with the number of servers, and none of Prometheus' own labels is taken",
  async t => {
    const families = await readMetrics(await metrics.text())
    const labels = Object.values(families).flatMap(({ samples }) =>
      samples.flatMap(sample => Object.keys(sample.labels)),
    )
    t.same([...new Set(labels)].sort(), [
      ...[
        'cause',
        'code',
        'connector',
        'job_id',
        'kind',
        'le',
        'outcome',
        'reader',
        'server',
        'slot',
        'state',
        'version',
      ],
    ])
  },
)
