// Gauges: what the readers say is what is shown, and a reader that fails says nothing false.
import { Registry } from 'prom-client'
import t from 'tap'
import { type GaugeReaders, registerGauges } from '../../appliance/metrics/gauges.ts'
import { sampleRun } from '../store/samples.ts'
import { samplesOf } from './read-metrics.ts'
import { sampleNow, sampleReaders, vmSnapshot } from './samples.ts'

function gauges(changes: Partial<GaugeReaders> = {}) {
  const registry = new Registry()
  const errors: unknown[] = []
  const { refresh, observe } = registerGauges(registry, {
    version: '1.2.3',
    readers: sampleReaders(changes),
    now: () => sampleNow,
    onError: error => errors.push(error),
  })
  const value = async (name: string) => {
    await refresh()
    return samplesOf(await registry.metrics(), name)
  }
  return { value, errors, refresh, observe }
}

t.test('runs are shown by stage, stages without any as 0', async t => {
  const { value } = gauges()
  t.same(await value('hoist_runs'), [
    '{state="scheduled"} 1',
    '{state="uploading"} 2',
    '{state="converting"} 1',
    '{state="creatingImage"} 0',
  ])
})

t.test('runs are asked for once, and followed', async t => {
  const { value, observe } = gauges()
  t.same((await value('hoist_runs')).slice(0, 2), ['{state="scheduled"} 1', '{state="uploading"} 2'])
  observe(sampleRun(1, { id: 'run-11', state: 'uploading' }))
  observe(sampleRun(2, { id: 'run-12', state: 'failed' }))
  t.same((await value('hoist_runs')).slice(0, 2), ['{state="scheduled"} 0', '{state="uploading"} 2'])
})

t.test('VM snapshots count from when they are there until vCenter has removed them', async t => {
  const { value } = gauges()
  t.same(await value('hoist_snapshots_open'), ['2'])
  t.same(await value('hoist_snapshot_age_seconds'), ['3600'])
  const none = gauges({
    activeRuns: async () => [{ id: 'run-1', state: 'uploading', steps: [vmSnapshot('intended', 'x')] }],
  })
  t.same(await none.value('hoist_snapshot_age_seconds'), ['0'])
  const ahead = [
    { id: 'run-1', state: 'uploading' as const, steps: [vmSnapshot('effected', '2030-05-01T13:00:00.000Z')] },
  ]
  t.same(await gauges({ activeRuns: async () => ahead }).value('hoist_snapshot_age_seconds'), ['0'], 'clock set back')
})

t.test('runs that are held up are counted', async t => {
  const failure = { code: 'AWS_UNREACHABLE', message: 'm', hint: 'h', stage: 'uploading' as const }
  const setback = { failure, resumeAt: sampleNow.toISOString() }
  const { value } = gauges({ activeRuns: async () => [{ id: 'run-1', state: 'uploading', steps: [], setback }] })
  t.same(await value('hoist_runs_held_up'), ['1'])
})

t.test('slots show what is taken, waited for and allowed, and those that are gone are gone', async t => {
  let slots = sampleReaders().slots()
  const { value } = gauges({ slots: () => slots })
  t.same(await value('hoist_queue_depth'), ['{slot="servers"} 1', '{slot="host:host-1"} 0'])
  t.same(await value('hoist_slot_taken'), ['{slot="servers"} 3', '{slot="host:host-1"} 2'])
  t.same(await value('hoist_slot_limit'), ['{slot="servers"} 25', '{slot="host:host-1"} 8'])
  t.same(await value('hoist_slot_cap'), ['{slot="servers"} 50', '{slot="host:host-1"} 8'])
  slots = slots.slice(0, 1)
  t.same(await value('hoist_queue_depth'), ['{slot="servers"} 1'])
})

t.test('connector, store and backup are shown as they are', async t => {
  const { value } = gauges()
  t.same(await value('hoist_info'), ['{version="1.2.3",connector="c-1"} 1'])
  t.same(await value('hoist_connector_read_only'), ['0'])
  t.same(await value('hoist_store_size_bytes'), ['4096'])
  t.same(await value('hoist_backup_last_timestamp_seconds'), [String(Date.parse('2030-05-01T02:00:00Z') / 1000)])
  const none = gauges({ connector: async () => ({ id: 'c-2', readOnly: true }), lastBackupAt: async () => undefined })
  t.same(await none.value('hoist_connector_read_only'), ['1'])
  t.same(await none.value('hoist_backup_last_timestamp_seconds'), ['0'])
})

t.test('a reader that fails takes its own gauges away, is counted, and comes back', async t => {
  let broken = true
  const fails = () => {
    if (broken) throw new Error('the database is away')
  }
  const { value, errors } = gauges({
    storeBytes: async () => {
      fails()
      return 1
    },
    slots: () => {
      fails()
      return []
    },
    connector: async () => {
      fails()
      return { id: 'c-1', readOnly: false }
    },
  })
  t.same(await value('hoist_store_size_bytes'), [])
  t.same(errors.length, 3)
  t.same(await value('hoist_info'), [])
  t.same((await value('hoist_runs')).length, 4, 'the others are shown')
  broken = false
  t.same(await value('hoist_store_size_bytes'), ['1'])
  t.ok((await value('hoist_metrics_reader_failures_total')).includes('{reader="store"} 3'))
  t.ok((await value('hoist_metrics_reader_failures_total')).includes('{reader="backup"} 0'))
})

t.test('two scrapes at once read once', async t => {
  let reads = 0
  const { refresh } = gauges({
    storeBytes: async () => {
      reads += 1
      return 1
    },
  })
  await Promise.all([refresh(), refresh()])
  t.equal(reads, 1)
})
