// Which state of a run, and which phase of a step, may follow which: pure tables, asked before every change.
import { isStage, type RunStage, type RunState, runStages, type StepKind, type StepPhase } from '../domain.ts'
import { ApplianceError } from '../errors.ts'

/** The stages in order; any of them may end the run early, none can be repeated or left out. */
const successors: Record<RunState, readonly RunState[]> = {
  scheduled: ['uploading', 'failed', 'cancelled', 'missed'],
  uploading: ['converting', 'failed', 'cancelled'],
  converting: ['creatingImage', 'failed', 'cancelled'],
  creatingImage: ['succeeded', 'failed', 'cancelled'],
  succeeded: [],
  failed: [],
  cancelled: [],
  missed: [],
}

/**
 * A step may be intended, and be found made, as often as the run is gone on with; what is proven stays so. VM snapshots and
 * uploads are the exception: disks that must be frozen anew must be read anew.
 */
const nextPhases: Record<StepPhase | 'none', readonly StepPhase[]> = {
  none: ['intended'],
  intended: ['intended', 'effected', 'proven'],
  effected: ['intended', 'effected', 'proven'],
  proven: [],
}
const repeatable: readonly StepKind[] = ['vmSnapshot', 'upload']

/** Whether a run has left this stage for a later one. */
export function isPast(state: RunState, stage: RunStage): boolean {
  return !isStage(state) || runStages.indexOf(state) > runStages.indexOf(stage)
}

/**
 * The state after `from`, if the table allows `to`.
 * @throws {ApplianceError} INTERNAL when it does not: such a run must not be written.
 */
export function transition(from: RunState, to: RunState): RunState {
  if (!successors[from].includes(to)) throw forbidden(`A run cannot go from ${from} to ${to}`)
  return to
}

/**
 * The phase after `from`, if the table allows `to`.
 * @throws {ApplianceError} INTERNAL when it does not
 */
export function stepTransition(kind: StepKind, from: StepPhase | 'none', to: StepPhase): StepPhase {
  const again = from === 'proven' && to === 'intended' && repeatable.includes(kind)
  if (!again && !nextPhases[from].includes(to)) throw forbidden(`The step ${kind} cannot go from ${from} to ${to}`)
  return to
}

function forbidden(message: string): ApplianceError {
  return new ApplianceError('INTERNAL', message, { hint: 'Download the log bundle and report this.' })
}
