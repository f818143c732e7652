// How a run stands: bytes, rate, time left, which stage is where, and what it waits for. Pure.
import type { JobView, RunView } from '../contract.ts'
import type { LiveRun } from '../live.ts'
import { t } from '../locale/en.ts'
import type { StateKind } from '../ui/state.tsx'

export const stages = ['scheduled', 'uploading', 'converting', 'creatingImage'] as const
export type Stage = (typeof stages)[number]

export const isActive = (run: RunView): boolean =>
  run.endedAt === undefined && (stages as readonly string[]).includes(run.state)

export function kindOf(run: Pick<LiveRun, 'state' | 'setback' | 'retrying'>): StateKind {
  if (run.setback ?? run.retrying) return 'warning'
  switch (run.state) {
    case 'scheduled':
      return 'pending'
    case 'succeeded':
      return 'success'
    case 'failed':
      return 'error'
    case 'cancelled':
      return 'stopped'
    case 'missed':
      return 'warning'
    default:
      return 'inProgress'
  }
}

export interface Totals {
  readBytes: number
  sizeBytes: number
  uploadedBytes: number
  bytesPerSecond: number
  /** Of the disk that takes longest; undefined when it cannot be told. */
  secondsLeft: number | undefined
}

export function totals(run: RunView): Totals {
  const sum: Totals = { readBytes: 0, sizeBytes: 0, uploadedBytes: 0, bytesPerSecond: 0, secondsLeft: undefined }
  for (const disk of run.disks) {
    sum.readBytes += disk.readBytes
    sum.sizeBytes += disk.sizeBytes
    sum.uploadedBytes += disk.uploadedBytes
    sum.bytesPerSecond += disk.bytesPerSecond ?? 0
  }
  const left = sum.sizeBytes - sum.readBytes
  if (left > 0 && sum.bytesPerSecond > 0) sum.secondsLeft = Math.ceil(left / sum.bytesPerSecond)
  return sum
}

export type StagePlace = 'before' | 'now' | 'after' | 'failed' | 'stopped'

/** Where a run stands as to a stage: before it, in it, past it, or ended in it. */
export function stagePlace(run: RunView, stage: Stage): StagePlace {
  const at = stages.indexOf(stage)
  if (run.state === 'succeeded') return 'after'
  if (run.state === 'missed') return 'before'
  const current = stages.indexOf(run.state as Stage)
  if (current !== -1) return at < current ? 'after' : at === current ? 'now' : 'before'
  const endedAt = stages.indexOf(run.failure?.stage ?? reachedStage(run))
  if (at < endedAt) return 'after'
  if (at > endedAt) return 'before'
  return run.state === 'failed' ? 'failed' : 'stopped'
}

/** Of a cancelled run, by what it had begun. */
function reachedStage(run: RunView): Stage {
  const kinds = new Set(run.steps.map(({ kind }) => kind))
  if (kinds.has('image')) return 'creatingImage'
  if (kinds.has('import')) return 'converting'
  return kinds.has('upload') || kinds.has('vmSnapshot') ? 'uploading' : 'scheduled'
}

/** What a run waits for that is uploading by its state while no byte of it has come; undefined when some have. */
export function waitsFor(run: RunView): string | undefined {
  if (run.state !== 'uploading' || run.disks.some(disk => disk.readBytes > 0 || disk.uploadedBytes > 0))
    return undefined
  const snapshot = run.steps.find(({ kind }) => kind === 'vmSnapshot')
  return snapshot === undefined || snapshot.phase === 'intended' ? t.runs.waitsForSnapshot : t.runs.waitsForExport
}

/** How sure it is of a step; of an ended run, what was not finished is said so. */
export function stepWord(run: Pick<RunView, 'endedAt'>, { kind, phase }: RunView['steps'][number]): string {
  if (kind === 'vmSnapshot') return t.runs.snapshotPhases[phase]
  if (run.endedAt !== undefined && phase !== 'proven') return t.runs.notFinished
  return kind === 'image' ? t.runs.phases[phase] : t.runs.workPhases[phase]
}

/** The clocks of appliance and browser are seldom one. */
const dueWithinMs = 5_000

/** Jobs whose run is due now, and that have none under way: it appears in a moment. */
export function startingJobs(jobs: readonly JobView[], runs: readonly RunView[], nowMs: number): JobView[] {
  const busy = new Set(runs.filter(isActive).map(({ jobId }) => jobId))
  return jobs.filter(
    ({ id, state, nextRunAt }) =>
      state === 'active' && nextRunAt !== undefined && Date.parse(nextRunAt) <= nowMs + dueWithinMs && !busy.has(id),
  )
}
