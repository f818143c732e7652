// Runs that the schedule asks for: once per planned time, in each history of the connector.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Job, Run, RunTrigger } from '../../appliance/domain.ts'
import { ApplianceError } from '../../appliance/errors.ts'
import { newRun, type PlannedTime, plannedRunId } from '../../appliance/replication/new-run.ts'
import { recordMissed, startPlanned } from '../../appliance/replication/planned-runs.ts'
import type { Runner } from '../../appliance/replication/runner.ts'
import { openStore } from '../../appliance/store/store.ts'
import { sampleJob } from '../store/samples.ts'

const directory = await mkdtemp(join(tmpdir(), 'hoist-planned-'))
const store = await openStore(directory)
t.teardown(async () => {
  store.close()
  await rm(directory, { recursive: true, force: true })
})
const at = (hour: number) => ({ at: new Date(Date.UTC(2026, 2, 1, hour)), generation: 'first' })
let number = 0
const job = () => store.jobs.create(sampleJob(++number))

/** Stores the run and ends it at once, or refuses it. */
function runnerThat(refuses?: ApplianceError) {
  const started: Run[] = []
  const runner = {
    async start(job: Job, trigger: RunTrigger, planned?: PlannedTime) {
      if (refuses) throw refuses
      const run = await store.runs.create({ ...newRun(job, trigger, planned), state: 'failed' })
      started.push(run)
      return run
    },
  } as unknown as Runner
  return { started, runner }
}

t.test('a planned time is started once, however often it is asked for', async t => {
  const { runner, started } = runnerThat()
  const made = await job()
  for (let turn = 0; turn < 3; turn++) t.equal(await startPlanned(runner, store.runs, made, at(2)), true)
  t.match(started, [{ id: plannedRunId(made.id, at(2)), trigger: 'schedule', jobId: made.id }])
  await startPlanned(runner, store.runs, made, at(8))
  t.equal(started.length, 2)
})

t.test('another run of the job that goes on is told; any other refusal is thrown', async t => {
  const refusal = (code: 'RUN_IN_PROGRESS' | 'CONNECTOR_READ_ONLY') => new ApplianceError(code, 'm', { hint: 'h' })
  const made = await job()
  t.equal(await startPlanned(runnerThat(refusal('RUN_IN_PROGRESS')).runner, store.runs, made, at(2)), false)
  await t.rejects(startPlanned(runnerThat(refusal('CONNECTOR_READ_ONLY')).runner, store.runs, made, at(2)), {
    code: 'CONNECTOR_READ_ONLY',
  })
})

t.test('a missed run is noted once with its reason, and its time is not started afterwards', async t => {
  const made = await job()
  const noted = await recordMissed(store.runs, made, at(2), 'RUN_MISSED')
  t.match(noted, { state: 'missed', endedAt: /Z$/, failure: { code: 'RUN_MISSED', stage: 'scheduled', hint: /./ } })
  t.equal(await recordMissed(store.runs, made, at(2), 'RUN_IN_PROGRESS'), undefined, 'once')
  t.match(await store.runs.get(noted?.id ?? ''), { failure: { code: 'RUN_MISSED' } })
  const { runner, started } = runnerThat()
  t.equal(await startPlanned(runner, store.runs, made, at(2)), true)
  t.same(started, [])
  t.match(await recordMissed(store.runs, made, at(8), 'RUN_IN_PROGRESS'), { failure: { code: 'RUN_IN_PROGRESS' } })
})

t.test('noting a run of a job that was deleted says so', async t => {
  await t.rejects(recordMissed(store.runs, sampleJob(999), at(2), 'RUN_MISSED'), { code: 'NOT_FOUND' })
})

t.test('the id of a planned run depends on job, time and generation, and on nothing else', async t => {
  const id = plannedRunId('job-1', at(2))
  t.match(id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  t.equal(plannedRunId('job-1', at(2)), id)
  const others = [
    plannedRunId('job-2', at(2)),
    plannedRunId('job-1', at(3)),
    plannedRunId('job-1', { ...at(2), generation: 'a1b2c3d4' }),
    plannedRunId('job-1', { ...at(2), generation: 'd4c3b2a1' }),
  ]
  t.equal(new Set([id, ...others]).size, 5)
})

t.test('after an older database was taken over, a planned time is run again: how it went is not known', async t => {
  const { runner, started } = runnerThat()
  const made = await job()
  await startPlanned(runner, store.runs, made, at(2))
  await startPlanned(runner, store.runs, made, { ...at(2), generation: 'a1b2c3d4' })
  t.equal(started.length, 2)
})
