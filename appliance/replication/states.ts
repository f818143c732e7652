// Which state of a run may follow which: a pure table, asked before every change.
import { type RunOutcome, type RunStage, type RunState, runOutcomes, runStages } from '../domain.ts'
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

export function isStage(state: RunState): state is RunStage {
  return (runStages as readonly string[]).includes(state)
}

export function isOutcome(state: RunState): state is RunOutcome {
  return (runOutcomes as readonly string[]).includes(state)
}

/**
 * The state after `from`, if the table allows `to`.
 * @throws {ApplianceError} INTERNAL when it does not: such a run must not be written.
 */
export function transition(from: RunState, to: RunState): RunState {
  if (!successors[from].includes(to)) {
    throw new ApplianceError('INTERNAL', `A run cannot go from ${from} to ${to}`, {
      hint: 'Download the log bundle and report this.',
    })
  }
  return to
}
