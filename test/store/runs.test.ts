// Runs: one under way per job, history newest first, disks of their own.
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type Run, runOutcomes, runStages } from '../../appliance/domain.ts'
import { openDatabase } from '../../appliance/store/database.ts'
import { jobRepository } from '../../appliance/store/jobs.ts'
import { type RunListRequest, type RunRepository, runRepository } from '../../appliance/store/runs.ts'
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
  await t.rejects(runs.update('run-00001', { state: 'uploading' }), { code: 'RUN_ENDED' })
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

t.test('a save writes the run and only the disks that changed', async t => {
  const { runs, rows } = await open(t)
  const run = await runs.create(sampleRun(1))
  const [first, second] = run.disks
  rows.length = 0
  if (first && second) await runs.saveProgress({ ...run, disks: [first, { ...second, readBytes: 11 }] })
  t.strictSame(rows, [2], 'the run and one disk')
  t.match((await runs.get(run.id))?.disks, [{ readBytes: 0 }, { readBytes: 11 }])
})

t.test('only progress goes without an fsync', async t => {
  const { database, runs } = await open(t)
  const run = await runs.create(sampleRun(1))
  let relaxed = 0
  const original = database.writeProgress.bind(database)
  database.writeProgress = change => {
    relaxed++
    return original(change)
  }
  await runs.saveProgress({ ...run, state: 'uploading' })
  t.equal(relaxed, 1)
  await runs.save({ ...run, state: 'converting' })
  await runs.update(run.id, { imageId: 'ami-1' })
  t.equal(relaxed, 1)
  await t.rejects(runs.saveProgress(sampleRun(9)), { code: 'NOT_FOUND' })
})

t.test('a run that was begun before is not begun again, whatever became of it', async t => {
  const { runs } = await open(t)
  await runs.create(sampleRun(1))
  await t.rejects(runs.create(sampleRun(1)), { code: 'RUN_EXISTS', statusCode: 409 })
  await runs.update('run-00001', { state: 'failed' })
  await t.rejects(runs.create(sampleRun(1)), { code: 'RUN_EXISTS' })
  const begun = await Promise.allSettled([runs.create(sampleRun(2)), runs.create(sampleRun(2))])
  t.equal(begun.filter(({ status }) => status === 'fulfilled').length, 1)
})

t.test(
  'images of a server are those that stand, the one that became known last first, however the clock went',
  async t => {
    const { runs } = await open(t)
    const image = (number: number, changes: Partial<Run> = {}) =>
      runs.create(sampleRun(number, { state: 'succeeded', imageId: `ami-${number}`, ...changes }))
    await image(1)
    await image(2, { createdAt: '2031-01-01T00:00:00.000Z' })
    await image(3, { jobId: 'job-2' })
    await image(4, { serverId: 'server-2', jobId: 'job-3' })
    await runs.create(sampleRun(5, { state: 'succeeded' }))
    await image(6, { state: 'failed' })
    await image(7, { imageRemovedAt: '2026-03-02T00:00:00Z' })
    const ids = async (serverId: string) => (await runs.imagesOf(serverId)).map(run => run.imageId)
    t.strictSame(await ids('server-1'), ['ami-3', 'ami-2', 'ami-1'])
    t.strictSame(await ids('server-2'), ['ami-4'])
    await runs.update('run-00002', { imageRemovedAt: '2026-03-02T00:00:00Z' })
    await runs.update('run-00006', { state: 'succeeded' })
    t.strictSame(await ids('server-1'), ['ami-6', 'ami-3', 'ami-1'])
  },
)

t.test('the last success of a job is the one that was begun last', async t => {
  const { runs } = await open(t)
  t.equal(await runs.lastSuccess('job-1'), undefined)
  await runs.create(sampleRun(1, { state: 'succeeded' }))
  await runs.create(sampleRun(2, { state: 'succeeded' }))
  await runs.create(sampleRun(3, { state: 'failed' }))
  await runs.create(sampleRun(4, { state: 'succeeded', jobId: 'job-2' }))
  t.match(await runs.lastSuccess('job-1'), { id: 'run-00002' })
  await runs.create(sampleRun(5, { state: 'succeeded', trigger: 'adopted' }))
  t.match(await runs.lastSuccess('job-1'), { id: 'run-00002' }, 'an adopted image is no success of the job')
})

t.test('runs are listed by state', async t => {
  const { runs } = await open(t)
  for (let number = 0; number < 9; number++)
    await runs.create(
      sampleRun(number, { jobId: `job-${1 + (number % 3)}`, state: number % 2 === 0 ? 'failed' : 'succeeded' }),
    )
  const ids = async (request: RunListRequest) => (await runs.list(request)).items.map(run => run.id)
  t.strictSame(await ids({ state: 'failed', limit: 3 }), ['run-00008', 'run-00006', 'run-00004'])
  t.strictSame(await ids({ state: 'succeeded', jobId: 'job-2' }), ['run-00007', 'run-00001'])
  const { next } = await runs.list({ state: 'failed', limit: 3 })
  t.strictSame(await ids({ state: 'failed', after: next }), ['run-00002', 'run-00000'])
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
