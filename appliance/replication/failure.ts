// How a run that was stopped short explains itself, and whether it goes on later.
import type { Failure, Run, RunOutcome, RunStage } from '../domain.ts'
import { ApplianceError, type ErrorCode, toApplianceError } from '../errors.ts'
import { isStage } from './states.ts'

/** The reason an operator's cancellation is given to a run's signal. */
export function cancellation(): ApplianceError {
  return new ApplianceError('RUN_CANCELLED', 'The run was cancelled', {
    hint: 'Start the job again when you are ready: the next run is a full one.',
  })
}

/** The reason a stop of the appliance is given to the signals of its runs: they go on at the next start. */
export function interruption(): ApplianceError {
  return new ApplianceError('RUN_INTERRUPTED', 'The appliance stopped while the run was under way', {
    hint: 'It goes on when the appliance starts again.',
  })
}

/** Reasons of an abort after which nothing of the run may be touched: it goes on later, or on another machine. */
const leaves: readonly ErrorCode[] = ['RUN_INTERRUPTED', 'CONNECTOR_READ_ONLY']

/** Whether a run was told to let go of everything as it stands. */
export function mustLeave(signal: AbortSignal): boolean {
  return signal.aborted && leaves.includes(toApplianceError(signal.reason).code)
}

/**
 * Failures that pass by themselves, with how often a run goes on after one. With the pauses doubling up to 16 times the
 * first (30 s), 20 are more than two hours: vCenter or AWS away, credentials to be renewed. Where disks are read again from
 * their start it is less: that costs production's storage.
 */
const resumptionsAfter: Partial<Record<ErrorCode, number>> = {
  AWS_CREDENTIALS_EXPIRED: 20,
  AWS_CLOCK_SKEW: 20,
  AWS_QUOTA_EXCEEDED: 20,
  AWS_THROTTLED: 20,
  AWS_UNREACHABLE: 20,
  STORE_UNAVAILABLE: 20,
  VCENTER_SESSION_LOST: 20,
  VCENTER_UNREACHABLE: 20,
  SERVER_BUSY: 20,
  NFC_INTERRUPTED: 5,
  NFC_LEASE_LOST: 5,
  NFC_REFUSED: 5,
  NFC_STALLED: 5,
  UPLOAD_FAILED: 5,
  VMDK_TRUNCATED: 5,
}

/** Whether what stands in the way may be gone a little later. */
export function mayPass(failure: { code: string }): boolean {
  return Object.hasOwn(resumptionsAfter, failure.code)
}

/** Whether the run goes on after this failure; false ends it, and what it has made is taken away. */
export function goesOn(failure: Failure, run: Run): boolean {
  return run.resumptions < (resumptionsAfter[failure.code as ErrorCode] ?? 0)
}

/** How long to wait before a run goes on, milliseconds. */
export function resumePause(resumptions: number, firstMs: number): number {
  return firstMs * 2 ** Math.min(resumptions, 4)
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
