// Where the metrics' gauges come from.
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { metricReaders } from '../appliance/app-metrics.ts'
import { createMetrics } from '../appliance/metrics/metrics.ts'
import { connectorSlots } from '../appliance/replication/slots.ts'
import { type ConnectorLease, readOnly } from '../appliance/setup/connector-lease.ts'
import { databaseName } from '../appliance/store/backup.ts'
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
  t.match(await Array.fromAsync(readers.jobs()), [[{ id: 'job-1', state: 'active' }]])
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

/** 10,000 jobs with 2,000 runs that wait, as many as no test has the time to make one by one. */
async function seed(dataDir: string): Promise<void> {
  const store = await openStore(dataDir)
  await store.jobs.create(sampleJob(0))
  await store.runs.create(sampleRun(0, { jobId: 'job-0', state: 'scheduled' }))
  store.close()
  const sqlite = new DatabaseSync(join(dataDir, databaseName))
  const numbers = (last: number) =>
    `WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${last})`
  sqlite.exec(`
    ${numbers(9_999)} INSERT INTO jobs (id, server_id, state, created_at, next_run_at, document)
      SELECT 'job-' || n, 'server-' || n, state, created_at, next_run_at, json_set(document, '$.id', 'job-' || n)
      FROM jobs, numbers WHERE id = 'job-0';
    ${numbers(1_999)} INSERT INTO runs (id, job_id, server_id, state, active, has_image, created_at, document)
      SELECT 'run-' || n, 'job-' || n, server_id, state, active, has_image, created_at, json_set(document, '$.id', 'run-' || n)
      FROM runs, numbers WHERE id = 'run-00000';`)
  sqlite.close()
}

t.test('a scrape of 10,000 jobs, with 2,000 runs in the queue, takes less than 50 ms of processor time', async t => {
  const dataDir = t.testdir()
  await seed(dataDir)
  const store = await openStore(dataDir)
  const lease = { standing: { state: 'unregistered' } as object }
  const readers = metricReaders({ dataDir, store, slots: connectorSlots(), lease: lease as ConnectorLease })
  const metrics = createMetrics({
    version: '1',
    readers,
    now: () => new Date(),
    onError: error => t.fail(String(error)),
  })
  t.teardown(() => {
    metrics.close()
    store.close()
  })
  // The first one looks up what later ones follow.
  await metrics.text()
  const costsMs = []
  for (let scrape = 0; scrape < 7; scrape++) {
    const before = process.cpuUsage()
    const text = await metrics.text()
    const { user, system } = process.cpuUsage(before)
    costsMs.push((user + system) / 1000)
    t.match(text, /hoist_jobs\{state="active"\} 10000\n/)
    t.match(text, /hoist_runs\{state="scheduled"\} 2000\n/)
  }
  t.comment(`${costsMs.map(Math.round)} ms`)
  // The quickest: garbage of the seeding is collected in others.
  t.ok(Math.min(...costsMs) < 50, `${costsMs}`)
})
