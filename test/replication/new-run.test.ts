// A run before its first step: what it takes over from its job, and which id it has.
import t from 'tap'
import { newRun, plannedRunId } from '../../appliance/replication/new-run.ts'
import { sampleJob } from '../store/samples.ts'

const at = new Date('2026-03-01T02:00:00.000Z')

t.test(
  'a planned run has the same id whenever it is made, and another one of any other time, job or history',
  async t => {
    const id = plannedRunId('job-1', { at, generation: 'g' })
    t.match(id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    t.equal(newRun(sampleJob(1), 'schedule', { at, generation: 'g' }).id, id)
    const others = [
      plannedRunId('job-2', { at, generation: 'g' }),
      plannedRunId('job-1', { at: new Date(at.getTime() + 1), generation: 'g' }),
      plannedRunId('job-1', { at, generation: 'h' }),
    ]
    t.equal(new Set([id, ...others]).size, 4)
  },
)

t.test('a run that is not planned is another each time', async t => {
  t.not(newRun(sampleJob(1), 'manual').id, newRun(sampleJob(1), 'manual').id)
})

t.test("it keeps the job's settings of this moment, and has made nothing", async t => {
  const job = sampleJob(1)
  t.match(newRun(job, 'manual'), {
    ...{ jobId: job.id, serverId: job.serverId, serverName: job.serverName, settings: job.settings },
    ...{ state: 'scheduled', trigger: 'manual', disks: [], steps: [], imageSnapshotIds: [], warnings: [] },
  })
})
