// The process's metrics against what the system says.
import { Registry } from 'prom-client'
import t from 'tap'
import { registerProcess } from '../../appliance/metrics/process.ts'
import { samplesOf } from './read-metrics.ts'

t.test('memory, processor time and start are those of this process', async t => {
  const registry = new Registry()
  registerProcess(registry)
  const value = async (name: string) => Number(samplesOf(await registry.metrics(), name)[0])
  const rss = await value('process_resident_memory_bytes')
  t.ok(Math.abs(rss / process.memoryUsage.rss() - 1) < 0.5, `${rss}`)
  const cpu = await value('process_cpu_seconds_total')
  const until = performance.now() + 50
  while (performance.now() < until); // uses some
  t.ok((await value('process_cpu_seconds_total')) > cpu)
  const startedAt = await value('process_start_time_seconds')
  t.ok(Math.abs(startedAt - (Date.now() / 1000 - process.uptime())) < 2)
  const kinds = samplesOf(await registry.metrics(), 'nodejs_memory_bytes')
  t.same(
    kinds.map(line => line.split(' ')[0]),
    ['{kind="heap"}', '{kind="external"}', '{kind="buffers"}'],
  )
})
