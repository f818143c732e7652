// Counters of runs: each byte and each retry once, whatever happens to a run on its way.
import { Registry } from 'prom-client'
import t from 'tap'
import { errorCodes } from '../../appliance/errors.ts'
import { registerRunCounters } from '../../appliance/metrics/run-counters.ts'
import { sampleRun } from '../store/samples.ts'
import { samplesOf } from './read-metrics.ts'

function counters() {
  const registry = new Registry()
  const { observe, ended } = registerRunCounters(registry)
  const value = async (name: string) => samplesOf(await registry.metrics(), name)
  return { observe, ended, value }
}

/** A run under way, of which so much has passed. */
function run(id: string, readBytes: number, uploadedBytes = 0, retries: Record<string, number> = {}) {
  const sample = sampleRun(1, { id, state: 'uploading', retries })
  return { ...sample, disks: sample.disks.slice(0, 1).map(disk => ({ ...disk, readBytes, uploadedBytes })) }
}

t.test('bytes of all runs add up, each once', async t => {
  const { observe, value } = counters()
  observe(run('a', 0))
  observe(run('b', 0))
  for (const read of [100, 100, 250]) observe(run('a', read, read / 2))
  observe(run('b', 1000, 10))
  observe({ ...run('a', 300, 200), state: 'succeeded' })
  observe({ ...run('a', 300, 200), state: 'succeeded', imageRemovedAt: '2030-01-01T00:00:00.000Z' })
  t.same(await value('hoist_run_bytes_read_total'), ['1300'])
  t.same(await value('hoist_run_bytes_sent_total'), ['210'])
})

t.test('what a run has when it is first seen was counted before the restart', async t => {
  const { observe, value } = counters()
  observe(run('a', 5000, 4000, { Throttling: 3 }))
  observe(run('a', 5100, 4000, { Throttling: 4 }))
  t.same(await value('hoist_run_bytes_read_total'), ['100'])
  t.same(await value('hoist_retries_total'), ['{cause="Throttling"} 1'])
})

t.test('a disk that is read from its start again counts again, and no counter goes down', async t => {
  const { observe, value } = counters()
  for (const read of [0, 800, 0, 300]) observe(run('a', read))
  t.same(await value('hoist_run_bytes_read_total'), ['1100'])
})

t.test('retries are counted by cause, and causes without end share one series', async t => {
  const { observe, value } = counters()
  observe(run('a', 0))
  observe(run('a', 0, 0, { 'a "quoted"\ncause': 2 }))
  t.same(await value('hoist_retries_total'), ['{cause="a \\"quoted\\"\\ncause"} 2'])
  const many = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`Cause${index}`, 1]))
  observe(run('a', 0, 0, many))
  const series = await value('hoist_retries_total')
  t.equal(series.length, 65)
  t.ok(series.includes('{cause="other"} 137'))
})

t.test('ends are counted by outcome, failures by a code of the table', async t => {
  const { ended, value } = counters()
  t.same(await value('hoist_runs_ended_total'), [
    '{outcome="succeeded",code=""} 0',
    '{outcome="cancelled",code=""} 0',
    '{outcome="missed",code=""} 0',
  ])
  const failure = (code: string) => ({ code, message: 'm', hint: 'h', stage: 'uploading' as const })
  ended(sampleRun(1, { state: 'succeeded' }))
  ended(sampleRun(1, { state: 'cancelled', failure: failure('RUN_CANCELLED') }))
  ended(sampleRun(1, { state: 'failed', failure: failure('NFC_STALLED') }))
  for (const code of ['password=secret', 'constructor'])
    ended(sampleRun(1, { state: 'failed', failure: failure(code) }))
  t.ok(errorCodes.INTERNAL)
  t.same(await value('hoist_runs_ended_total'), [
    '{outcome="succeeded",code=""} 1',
    '{outcome="cancelled",code=""} 1',
    '{outcome="missed",code=""} 0',
    '{outcome="failed",code="NFC_STALLED"} 1',
    '{outcome="failed",code="INTERNAL"} 2',
  ])
})
