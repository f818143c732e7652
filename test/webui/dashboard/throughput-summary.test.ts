import t from 'tap'
import { summarize } from '../../../webui/dashboard/throughput-summary.ts'

t.test('the chart is summed up in four numbers', async t => {
  const samples = [10, 30, 20].map((bytesPerSecond, index) => ({ at: 100 + 2 * index, seconds: 2, bytesPerSecond }))
  t.strictSame(summarize(samples), { now: 20, peak: 30, average: 20, seconds: 6 })
  t.strictSame(summarize([]), { now: 0, peak: 0, average: 0, seconds: 0 })
})

t.test('each sample counts by its length', async t => {
  const long = { at: 110, seconds: 10, bytesPerSecond: 30 }
  t.strictSame(summarize([long, { at: 112, seconds: 2, bytesPerSecond: 90 }]), {
    ...{ now: 90, peak: 90, average: 40, seconds: 12 },
  })
  t.strictSame(summarize([long]), { now: 30, peak: 30, average: 30, seconds: 10 })
})
