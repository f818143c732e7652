// Runs: one under way per job, history newest first, disks of their own.
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Run, runOutcomes, runStages } from '../../appliance/domain.ts'
import { openDatabase } from '../../appliance/store/database.ts'
import { jobRepository } from '../../appliance/store/jobs.ts'
import { type RunRepository, runRepository } from '../../appliance/store/runs.ts'
import { sampleDisk, sampleJob, sampleRun } from './samples.ts'

async function open(t: Test) {
  const rows: number[] = []
  const path = join(t.testdir(), 'hoist.db')
  const database = openDatabase(path, { onTransaction: count => rows.push(count) })
  t.teardown(() => database.close())
  const jobs = jobRepository(database)
  for (const number of [1, 2, 3]) await jobs.create(sampleJob(number))
  return { database, jobs, runs: runRepository(database), rows }
}

t.test('a run comes back as it was made, disks in their order', async t => {
  const { runs } = await open(t)
  const run = sampleRun(1, {
    disks: [sampleDisk(2001), sampleDisk(2000, { bucket: 'b', manifestPath: 'm' })],
    warnings: [{ severity: 'warning', code: 'ISO_ATTACHED', message: 'm', hint: 'h' }],
    retries: { 'S3 SlowDown': 2 },
  })
  t.strictSame(await runs.create(run), run)
  t.strictSame(await runs.get(run.id), run)
  t.equal(await runs.get('none'), undefined)
})

t.test('a job has one run under way; the next one may follow its end', async t => {
  const { runs } = await open(t)
  await runs.create(sampleRun(1))
  await t.rejects(runs.create(sampleRun(2)), { code: 'RUN_IN_PROGRESS', statusCode: 409 })
  t.equal(await runs.get('run-00002'), undefined)
  await runs.create(sampleRun(3, { jobId: 'job-2' }))
  await runs.update('run-00001', { state: 'failed' })
  await runs.create(sampleRun(2))
  await t.rejects(runs.update('run-00001', { state: 'uploading' }), { code: 'RUN_IN_PROGRESS' })
})

t.test('a run of a job that is gone is refused', async t => {
  const { jobs, runs } = await open(t)
  await jobs.delete('job-1')
  await t.rejects(runs.create(sampleRun(1)), { code: 'NOT_FOUND', message: /job-1/ })
})

t.test('every stage is under way, and every outcome is not', async t => {
  const { runs } = await open(t)
  await runs.create(sampleRun(1))
  for (const state of runStages) {
    await runs.update('run-00001', { state })
    t.strictSame(
      (await runs.active()).map(run => run.state),
      [state],
    )
  }
  for (const state of runOutcomes) {
    await runs.update('run-00001', { state })
    t.strictSame(await runs.active(), [], state)
  }
})

t.test('save replaces everything: fields that are gone are gone, disks too', async t => {
  const { runs } = await open(t)
  await runs.create(sampleRun(1, { vmSnapshotMoref: 'snapshot-1', imageId: 'ami-1' }))
  const saved = sampleRun(1, { state: 'uploading', disks: [sampleDisk(2005), sampleDisk(2001, { readBytes: 5 })] })
  await runs.save(saved)
  t.strictSame(await runs.get('run-00001'), saved)
  await t.rejects(runs.save(sampleRun(9)), { code: 'NOT_FOUND' })
})

t.test('an update changes its fields only, and undefined removes one', async t => {
  const { runs } = await open(t)
  const run = await runs.create(sampleRun(1, { vmSnapshotMoref: 'snapshot-1' }))
  const updated = await runs.update(run.id, { vmSnapshotMoref: undefined, imageId: 'ami-1' })
  const { vmSnapshotMoref: _removed, ...rest } = run
  t.strictSame(updated, { ...rest, imageId: 'ami-1' })
  t.strictSame(await runs.get(run.id), updated)
  await t.rejects(runs.update('none', {}), { code: 'NOT_FOUND' })
})

t.test('progress of a disk writes one row, and a save only the disks that changed', async t => {
  const { runs, rows } = await open(t)
  const run = await runs.create(sampleRun(1))
  rows.length = 0
  await runs.updateDisk(run.id, 2001, { readBytes: 10, uploadedBytes: 4 })
  await runs.updateDisk(run.id, 2001, { snapshotId: 'snap-1', uploadedBytes: 10 })
  t.strictSame(rows, [1, 1])
  const now = await runs.get(run.id)
  t.match(now?.disks, [{ readBytes: 0 }, { readBytes: 10, uploadedBytes: 10, snapshotId: 'snap-1' }])
  rows.length = 0
  const [first, second] = now?.disks ?? []
  if (now && first && second) await runs.save({ ...now, disks: [first, { ...second, readBytes: 11 }] })
  t.strictSame(rows, [2], 'the run and one disk')
  await t.rejects(runs.updateDisk(run.id, 9, {}), { code: 'NOT_FOUND', message: /disk 9/ })
  await t.rejects(runs.updateDisk('none', 2000, {}), { code: 'NOT_FOUND' })
})

t.test('only byte counts go without an fsync: anything that a restart needs is synchronous', async t => {
  const { database, runs } = await open(t)
  await runs.create(sampleRun(1))
  const relaxed: boolean[] = []
  const original = database.writeProgress.bind(database)
  database.writeProgress = change => {
    relaxed.push(true)
    return original(change)
  }
  await runs.updateDisk('run-00001', 2000, { readBytes: 1 })
  t.equal(relaxed.length, 1)
  await runs.updateDisk('run-00001', 2000, { readBytes: 2, importTaskId: 'import-snap-1' })
  await runs.updateDisk('run-00001', 2000, { objectKey: 'k' })
  t.equal(relaxed.length, 1)
})

async function pages(runs: RunRepository, jobId: string | undefined, limit: number): Promise<Run[]> {
  const all: Run[] = []
  let after: string | undefined
  do {
    const page = await runs.list({ jobId, limit, after })
    all.push(...page.items)
    after = page.next
  } while (after !== undefined)
  return all
}

t.test('history comes newest first, of all jobs or one, in pages that together give all', async t => {
  const { runs } = await open(t)
  const made: Run[] = []
  for (let number = 0; number < 60; number++) {
    const run = sampleRun(number, {
      jobId: `job-${1 + (number % 3)}`,
      state: 'succeeded',
      // Three at a time share their instant: the id decides.
      createdAt: new Date(Date.UTC(2026, 2, 1) + Math.floor(number / 3) * 1000).toISOString(),
    })
    made.push(await runs.create(run))
  }
  const newestFirst = made.toReversed()
  t.strictSame(await pages(runs, undefined, 7), newestFirst)
  t.strictSame(
    await pages(runs, 'job-2', 4),
    newestFirst.filter(run => run.jobId === 'job-2'),
  )
  t.strictSame(await runs.list({ jobId: 'none' }), { items: [] })
})
