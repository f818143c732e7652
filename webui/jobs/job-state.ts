// A job's state in a word, and the run that it is told by. Pure.
import type { JobView, RunView } from '../contract.ts'
import { t } from '../locale/en.ts'
import type { StateKind } from '../ui/state.tsx'

/** @param long says of failures that they are in a row, and that it goes on */
export function jobState(job: JobView, lastRun: RunView | undefined, long = false): { kind: StateKind; word: string } {
  const { state, pausedBecause, failuresInARow: failures } = job
  if (state === 'paused')
    return { kind: pausedBecause === undefined ? 'stopped' : 'warning', word: t.jobs.states.paused }
  if (state === 'ended') return { kind: 'stopped', word: t.jobs.states.ended }
  if (failures > 0) return { kind: 'warning', word: long ? t.jobs.failing(failures) : t.jobs.failed(failures) }
  const over = job.schedule.everyHours === undefined && job.nextRunAt === undefined && lastRun?.endedAt !== undefined
  return { kind: 'success', word: over ? t.jobs.done : t.jobs.states.active }
}

/** Of each job, by its id. @param runs the newest first */
export function lastRuns(runs: readonly RunView[]): ReadonlyMap<string, RunView> {
  const last = new Map<string, RunView>()
  for (const run of runs) if (!last.has(run.jobId)) last.set(run.jobId, run)
  return last
}
