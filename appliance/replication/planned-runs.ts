// Runs that the schedule asks for: started once per planned time, or noted as missed.
import type { Job, Run } from '../domain.ts'
import { type ErrorCode, toApplianceError } from '../errors.ts'
import type { RunRepository } from '../store/runs.ts'
import { newRun, type PlannedTime, plannedRunId } from './new-run.ts'
import type { Runner } from './runner.ts'

/** False when another run of the job still goes on. Called again for the same time, it starts nothing and is true. */
export async function startPlanned(
  runner: Runner,
  runs: RunRepository,
  job: Job,
  planned: PlannedTime,
): Promise<boolean> {
  if (await runs.get(plannedRunId(job.id, planned))) return true
  try {
    await runner.start(job, 'schedule', planned)
    return true
  } catch (thrown) {
    if (toApplianceError(thrown).code === 'RUN_IN_PROGRESS') return false
    throw thrown
  }
}

/** Why a planned run did not come to be. */
const reasons = {
  RUN_MISSED: {
    message: 'The time of the run passed while it could not start',
    hint: 'The next one is on time. To make up for missed runs, let the schedule start them at once.',
  },
  RUN_IN_PROGRESS: {
    message: 'The last run of the job still went on at the time of this one',
    hint: 'If this repeats, choose a longer interval, or look at what makes the runs slow.',
  },
} as const satisfies Partial<Record<ErrorCode, { message: string; hint: string }>>

/** Notes that a planned run did not come to be. Called again for the same time, it does nothing; the run is returned when it is new. */
export async function recordMissed(
  runs: RunRepository,
  job: Job,
  planned: PlannedTime,
  code: keyof typeof reasons,
): Promise<Run | undefined> {
  const run: Run = {
    ...newRun(job, 'schedule', planned),
    state: 'missed',
    endedAt: new Date().toISOString(),
    failure: { code, ...reasons[code], stage: 'scheduled' },
  }
  try {
    return await runs.create(run)
  } catch (thrown) {
    if (toApplianceError(thrown).code === 'RUN_EXISTS') return undefined
    throw thrown
  }
}
