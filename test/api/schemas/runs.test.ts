// The schema of runs against the domain's own samples.
import t from 'tap'
import Value from 'typebox/value'
import { RunQuery, RunView } from '../../../appliance/api/schemas/runs.ts'
import { runOutcomes, runStages, stepKinds, stepPhases } from '../../../appliance/domain.ts'
import { sampleRun } from '../../store/samples.ts'

t.test('a run of the domain in any state is what the API shows', async t => {
  for (const state of [...runStages, ...runOutcomes]) t.ok(Value.Check(RunView, sampleRun(1, { state })), state)
  t.notOk(Value.Check(RunView, { ...sampleRun(1), state: 'resting' }))
})

t.test('rates are shown besides what is stored', async t => {
  const run = sampleRun(1)
  const disks = run.disks.map(disk => ({ ...disk, bytesPerSecond: 12.5, secondsLeft: 3 }))
  t.ok(Value.Check(RunView, { ...run, disks }))
})

t.test('runs are listed by a job whose id is an id', async t => {
  t.ok(Value.Check(RunQuery, { jobId: 'abc-1' }))
  t.notOk(Value.Check(RunQuery, { jobId: "x' OR 1" }))
})

t.test('steps, setbacks and what retention took are shown', async t => {
  const at = '2030-01-01T00:00:00.000Z'
  const steps = stepKinds.flatMap(kind => stepPhases.map(phase => ({ kind, phase, at, diskKey: 2000 })))
  const failure = { code: 'AWS_UNREACHABLE', message: 'm', hint: 'h', stage: 'uploading' as const }
  const run = sampleRun(1, { steps, setback: { failure, resumeAt: at }, resumptions: 2, imageRemovedAt: at })
  const disks = run.disks.map(disk => ({ ...disk, uploadId: 'u' }))
  t.ok(Value.Check(RunView, { ...run, disks }), JSON.stringify([...Value.Errors(RunView, { ...run, disks })]))
  for (const trigger of ['schedule', 'manual', 'adopted']) t.ok(Value.Check(RunView, { ...run, trigger }))
  t.notOk(Value.Check(RunView, { ...run, trigger: 'chance' }))
})
