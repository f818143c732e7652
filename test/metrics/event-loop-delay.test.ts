// The event loop's delay: a histogram that counts every interval in the right bucket.
import { createHistogram } from 'node:perf_hooks'
import t from 'tap'
import { delayText, watchEventLoopDelay } from '../../appliance/metrics/event-loop-delay.ts'
import { seeded } from '../store/samples.ts'
import { readMetrics, samplesOf } from './read-metrics.ts'

const bucketsOf = (text: string) =>
  Object.fromEntries(
    samplesOf(text, 'hoist_event_loop_delay_seconds_bucket').map(line => {
      const [, bound = '', count = ''] = /^\{le="([^"]+)"\} (\d+)$/.exec(line) ?? []
      return [bound, Number(count)]
    }),
  )

t.test('every interval is counted in the buckets that hold its delay', async t => {
  for (const size of [0, 1, 2, 50, 5000]) {
    const below = seeded(size)
    // Far from every bound by more than the histogram's precision of 0.1 %.
    const delaysMs = Array.from({ length: size }, () => [3, 8, 20, 70, 200, 900, 12_000][below(7)] ?? 0)
    const intervals = createHistogram()
    for (const delay of delaysMs) intervals.record((delay + 20) * 1e6)
    const text = delayText(intervals, 20)
    const expected = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, Infinity].map(bound => [
      bound === Infinity ? '+Inf' : String(bound),
      delaysMs.filter(delay => delay / 1000 <= bound).length,
    ])
    t.same(bucketsOf(text), Object.fromEntries(expected), `${size} intervals`)
    const { hoist_event_loop_delay_seconds: family } = await readMetrics(text)
    t.match(family, { type: 'histogram', help: /later/ })
    const sum = delaysMs.reduce((total, delay) => total + delay / 1000, 0)
    const told = family?.samples.find(({ name }) => name.endsWith('_sum'))?.value ?? Number.NaN
    t.ok(Math.abs(told - sum) <= sum / 500 + 1e-9, `${told} is ${sum}`)
  }
})

t.test('a loop that is held up is seen, and nothing counts twice or backwards', async t => {
  const delay = watchEventLoopDelay()
  t.teardown(() => delay.close())
  await new Promise(resolve => setTimeout(resolve, 60))
  const before = bucketsOf(delay.text())
  const until = performance.now() + 300
  while (performance.now() < until); // what a long computation does
  await new Promise(resolve => setTimeout(resolve, 60))
  const after = bucketsOf(delay.text())
  const slow = (buckets: Record<string, number>) => (buckets['+Inf'] ?? 0) - (buckets['0.25'] ?? 0)
  t.equal(slow(after) - slow(before), 1)
  for (const [bound, count] of Object.entries(before)) t.ok((after[bound] ?? 0) >= count, bound)
})
