import t from 'tap'
import { summarize } from '../../../webui/dashboard/throughput-summary.ts'

t.test('the chart is summed up in four numbers', async t => {
  const samples = [10, 30, 20].map((bytesPerSecond, index) => ({ at: 100 + 2 * index, bytesPerSecond }))
  t.strictSame(summarize(samples), { now: 20, peak: 30, average: 25, seconds: 4 })
  t.strictSame(
    summarize([
      { at: 100, bytesPerSecond: 0 },
      { at: 110, bytesPerSecond: 30 },
      { at: 112, bytesPerSecond: 90 },
    ]).average,
    40,
    'each by the time that it stands for',
  )
  t.strictSame(summarize([{ at: 5, bytesPerSecond: 7 }]), { now: 7, peak: 7, average: 7, seconds: 0 })
  t.strictSame(summarize([]), { now: 0, peak: 0, average: 0, seconds: 0 })
})
