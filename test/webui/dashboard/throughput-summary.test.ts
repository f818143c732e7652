import t from 'tap'
import { summarize } from '../../../webui/dashboard/throughput-summary.ts'

t.test('the chart is summed up in four numbers', async t => {
  const samples = [10, 30, 20].map((bytesPerSecond, index) => ({ at: 100 + 2 * index, bytesPerSecond }))
  t.strictSame(summarize(samples), { now: 20, peak: 30, average: 20, seconds: 4 })
  t.strictSame(summarize([]), { now: 0, peak: 0, average: 0, seconds: 0 })
})
