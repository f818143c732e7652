// Jobs: one per server, due in time, changed and deleted by the rules.
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Job } from '../../appliance/domain.ts'
import { openDatabase } from '../../appliance/store/database.ts'
import { everyJob, jobRepository } from '../../appliance/store/jobs.ts'
import { runRepository } from '../../appliance/store/runs.ts'
import { sampleJob, sampleRun, seeded } from './samples.ts'

function open(t: Test) {
  const database = openDatabase(join(t.testdir(), 'hoist.db'))
  t.teardown(() => database.close())
  return { database, jobs: jobRepository(database), runs: runRepository(database) }
}

t.test('a job comes back as it was made', async t => {
  const { jobs } = open(t)
  const job = sampleJob(1)
  t.strictSame(await jobs.create(job), job)
  t.strictSame(await jobs.get('job-1'), job)
  t.strictSame(await jobs.ofServer('server-1'), job)
  t.equal(await jobs.get('job-2'), undefined)
  t.equal(await jobs.ofServer('server-2'), undefined)
})

t.test('a server has one job until that has ended', async t => {
  const { jobs } = open(t)
  await jobs.create(sampleJob(1))
  const second = sampleJob(2, { serverId: 'server-1' })
  await t.rejects(jobs.create(second), { code: 'JOB_EXISTS', message: /web 2/, statusCode: 409 })
  await jobs.update('job-1', { state: 'paused' })
  await t.rejects(jobs.create(second), { code: 'JOB_EXISTS' })
  await jobs.update('job-1', { state: 'ended' })
  await jobs.create(second)
  await t.rejects(jobs.update('job-1', { state: 'active' }), { code: 'JOB_EXISTS' })
  t.match(await jobs.get('job-1'), { state: 'ended' }, 'the refused change left nothing')
  t.match(await jobs.ofServer('server-1'), { id: 'job-2' })
})

t.test('two jobs for one server at the same moment: exactly one is made', async t => {
  const { jobs } = open(t)
  const results = await Promise.allSettled([1, 2, 3].map(number => jobs.create(sampleJob(number, { serverId: 's' }))))
  t.equal(results.filter(result => result.status === 'fulfilled').length, 1)
})

t.test('a patch changes its fields only, and undefined removes one', async t => {
  const { jobs } = open(t)
  const job = await jobs.create(sampleJob(1))
  const next = await jobs.update('job-1', { nextRunAt: undefined, serverName: 'renamed' })
  const { nextRunAt: _removed, ...rest } = job
  t.strictSame(next, { ...rest, serverName: 'renamed' })
  t.strictSame(await jobs.get('job-1'), next)
  await t.rejects(jobs.update('none', {}), { code: 'NOT_FOUND' })
})

t.test('due jobs are the active ones whose time has come, longest due first, whatever the zone', async t => {
  const { jobs } = open(t)
  await jobs.create(sampleJob(1, { nextRunAt: '2026-03-01T02:00:00Z' }))
  await jobs.create(sampleJob(2, { nextRunAt: '2026-03-01T02:30:00+01:00' }))
  await jobs.create(sampleJob(3, { nextRunAt: '2026-03-01T02:00:00Z', state: 'paused' }))
  await jobs.create(sampleJob(4, { nextRunAt: '2026-03-01T01:59:00-05:00' }))
  const { nextRunAt: _never, ...never } = sampleJob(5)
  await jobs.create(never)
  const due = async (at: string) => (await jobs.due(new Date(at))).map(job => job.id)
  t.strictSame(await due('2026-03-01T01:29:59Z'), [])
  t.strictSame(await due('2026-03-01T01:30:00Z'), ['job-2'])
  t.strictSame(await due('2026-03-01T02:00:00Z'), ['job-2', 'job-1'])
  t.strictSame(await due('2026-03-02T00:00:00Z'), ['job-2', 'job-1', 'job-4'])
  await jobs.update('job-2', { nextRunAt: '2026-04-01T00:00:00Z' })
  t.strictSame(await due('2026-03-02T00:00:00Z'), ['job-1', 'job-4'])
})

t.test('pages of jobs together give all, in the order of their making', async t => {
  const { jobs } = open(t)
  const chance = seeded(3)
  const all: Job[] = []
  for (let number = 0; number < 120; number++) {
    // Several at the same instant: the id decides.
    const createdAt = new Date(Date.UTC(2026, 1, 1) + chance(30) * 1000).toISOString()
    all.push(await jobs.create(sampleJob(number, { createdAt })))
  }
  const listed: Job[] = []
  let after: string | undefined
  do {
    const page = await jobs.list({ after, limit: 7 })
    listed.push(...page.items)
    after = page.next
  } while (after !== undefined)
  const keyOf = (job: Job) => `${job.createdAt} ${job.id}`
  t.strictSame(
    listed.map(keyOf),
    all.map(keyOf).toSorted((a, b) => (a < b ? -1 : 1)),
  )
  t.equal((await jobs.list()).items.length, 100)
})

t.test('a job is deleted unless a run is under way, and its runs stay', async t => {
  const { jobs, runs } = open(t)
  await jobs.create(sampleJob(1))
  await runs.create(sampleRun(1))
  await t.rejects(jobs.delete('job-1'), { code: 'RUN_IN_PROGRESS', hint: /Cancel/ })
  await runs.update('run-00001', { state: 'cancelled' })
  await jobs.delete('job-1')
  t.equal(await jobs.get('job-1'), undefined)
  t.match(await runs.get('run-00001'), { state: 'cancelled' })
  await t.rejects(jobs.delete('job-1'), { code: 'NOT_FOUND' })
})

t.test('a row that is no job is named', async t => {
  const { database, jobs } = open(t)
  await jobs.create(sampleJob(1))
  database.write(sql => sql.run("UPDATE jobs SET document = '{' WHERE id = 'job-1'"))
  await t.rejects(jobs.get('job-1'), { code: 'STORE_DAMAGED', message: /job job-1/ })
})

t.test('jobs are read page by page, to the last', async t => {
  const pages: Record<string, object> = {
    first: { items: [sampleJob(1), sampleJob(2)], next: 'second' },
    second: { items: [sampleJob(3)] },
  }
  const list = async ({ after = 'first' }: { after?: string } = {}) => pages[after]
  const found = await Array.fromAsync(everyJob({ list } as unknown as Parameters<typeof everyJob>[0]))
  t.same(
    found.map(({ id }) => id),
    ['job-1', 'job-2', 'job-3'],
  )
})

t.test('outlines name every job and its state, in pages', async t => {
  const { database, jobs } = await open(t)
  t.same(await Array.fromAsync(jobs.outlines()), [[]])
  const documents = Array.from({ length: 501 }, (_, number) =>
    sampleJob(number, number === 7 ? { state: 'paused' } : {}),
  )
  database.write(sql => {
    for (const job of documents)
      sql.run(
        'INSERT INTO jobs (id, server_id, state, created_at, next_run_at, document) VALUES (?, ?, ?, 0, NULL, ?)',
        ...[job.id, job.serverId, job.state, JSON.stringify(job)],
      )
  })
  const pages = await Array.fromAsync(jobs.outlines())
  t.same(
    pages.map(({ length }) => length),
    [500, 1],
  )
  const byId = (one: { id: string }, other: { id: string }) => (one.id < other.id ? -1 : 1)
  t.strictSame(
    pages.flat().toSorted(byId),
    documents.map(({ id, serverName, state }) => ({ id, serverName, state })).toSorted(byId),
  )
})
