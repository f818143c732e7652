// What is told of jobs as they change, on a real store.
import t from 'tap'
import { watchedJobs } from '../../appliance/replication/watched-jobs.ts'
import { openStore } from '../../appliance/store/store.ts'
import { sampleJob } from '../store/samples.ts'

t.test('every change is told once it is stored, and one that is refused is not', async t => {
  const store = await openStore(t.testdir())
  t.teardown(() => store.close())
  const told: string[] = []
  const jobs = watchedJobs(store.jobs, {
    changed: job => told.push(`${job.id} ${job.state} ${job.nextRunAt ?? 'never'}`),
    deleted: id => told.push(`${id} deleted`),
  })
  await jobs.create(sampleJob(1, { nextRunAt: '2026-03-01T10:00:00.000Z' }))
  await t.rejects(jobs.create(sampleJob(1)), 'a second of the same id')
  await jobs.update('job-1', { state: 'paused', nextRunAt: undefined })
  await t.rejects(jobs.update('job-2', { state: 'paused' }), { code: 'NOT_FOUND' })
  await t.rejects(jobs.delete('job-2'), { code: 'NOT_FOUND' })
  t.equal((await jobs.get('job-1'))?.state, 'paused', 'what only reads goes through')
  await jobs.delete('job-1')
  t.strictSame(told, ['job-1 active 2026-03-01T10:00:00.000Z', 'job-1 paused never', 'job-1 deleted'])
})
