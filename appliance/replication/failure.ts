// How an ended run explains itself.
import type { Failure, Run, RunOutcome, RunStage } from '../domain.ts'
import { ApplianceError, toApplianceError } from '../errors.ts'
import { isStage } from './states.ts'

/** The reason an operator's cancellation is given to a run's signal. */
export function cancellation(): ApplianceError {
  return new ApplianceError('RUN_CANCELLED', 'The run was cancelled', {
    hint: 'Start the job again when you are ready: the next run is a full one.',
  })
}

/** The reason a stop of the appliance is given to the signals of its runs. */
export function interruption(): ApplianceError {
  return new ApplianceError('RUN_INTERRUPTED', 'The appliance stopped while the run was under way', {
    hint: 'Start the job again: what the run had made has been removed.',
  })
}

/** How a run ends with a failure. */
export function outcomeOf(failure: Failure): RunOutcome {
  return failure.code === 'RUN_CANCELLED' ? 'cancelled' : 'failed'
}

/** The failure to store: an aborted signal's reason goes before whatever error the abort caused on its way. */
export function failureOf(thrown: unknown, run: Run, signal: AbortSignal): Failure {
  const error = toApplianceError(signal.aborted ? signal.reason : thrown)
  const stage: RunStage = isStage(run.state) ? run.state : 'creatingImage'
  return { code: error.code, message: error.message, hint: error.hint, stage }
}
