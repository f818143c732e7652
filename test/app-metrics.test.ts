// Where the metrics' gauges come from.
import t from 'tap'
import { metricReaders } from '../appliance/app-metrics.ts'
import { connectorSlots } from '../appliance/replication/slots.ts'
import { type ConnectorLease, readOnly } from '../appliance/setup/connector-lease.ts'
import { openStore } from '../appliance/store/store.ts'
import { sampleJob, sampleRun } from './store/samples.ts'

t.test('each gauge reads what the appliance knows at that moment', async t => {
  const dataDir = t.testdir()
  const store = await openStore(dataDir)
  t.teardown(() => store.close())
  const lease = { standing: { state: 'unregistered' } as object }
  const readers = metricReaders({ dataDir, store, slots: connectorSlots(), lease: lease as ConnectorLease })
  await store.jobs.create(sampleJob(1))
  await store.runs.create(sampleRun(1, { state: 'uploading' }))
  t.match(await readers.activeRuns(), [{ id: 'run-00001' }])
  t.match(await readers.jobs(), [{ id: 'job-1' }])
  t.equal(await readers.lastSuccessAt('job-1'), undefined)
  await store.runs.update('run-00001', { state: 'succeeded', endedAt: '2026-03-01T03:00:00Z' })
  t.equal(await readers.lastSuccessAt('job-1'), '2026-03-01T03:00:00Z')
  t.same(
    readers.slots().map(({ name }) => name),
    ['disks', 'imports', 'servers'],
  )
  t.match(await readers.connector(), { id: /^[0-9a-f]{12}$/, readOnly: false })
  lease.standing = { state: 'readOnly', reason: 'cloned', failure: readOnly('cloned') }
  t.match(await readers.connector(), { readOnly: true })
  t.equal(await readers.lastBackupAt(), undefined)
  const { takenAt } = await store.backup()
  // Its name tells it in whole seconds.
  const readMs = Date.parse((await readers.lastBackupAt()) ?? '')
  t.ok(Math.abs(readMs - Date.parse(takenAt)) < 1000)
  t.ok((await readers.storeBytes()) > 4096)
})
