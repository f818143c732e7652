// How a run that was stopped short explains itself, and whether it goes on later.
import { type Failure, type HeldUp, isStage, type Run, type RunOutcome, type RunStage } from '../domain.ts'
import { ApplianceError, type ErrorCode, toApplianceError } from '../errors.ts'

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
export function mustLeave(...signals: AbortSignal[]): boolean {
  return signals.some(signal => signal.aborted && leaves.includes(toApplianceError(signal.reason).code))
}

/**
 * Failures that pass by themselves, with how often in a row a run goes on after one without having come further. With the
 * pauses doubling up to 16 times the first (30 s), 20 are more than two hours: vCenter or AWS away, credentials to be renewed.
 * Where disks are read again from their start it is less: that costs production's storage. Least where the cause may be one
 * that does not pass, but also one that comes with a restart of vCenter. A full data directory is waited for: giving up
 * needs it too.
 */
const resumptionsAfter: Partial<Record<ErrorCode, number>> = {
  AWS_CREDENTIALS_EXPIRED: 20,
  AWS_CLOCK_SKEW: 20,
  AWS_QUOTA_EXCEEDED: 20,
  AWS_THROTTLED: 20,
  AWS_UNREACHABLE: 20,
  STORE_UNAVAILABLE: Number.POSITIVE_INFINITY,
  VCENTER_SESSION_LOST: 20,
  VCENTER_UNREACHABLE: 20,
  SERVER_BUSY: 20,
  NFC_INTERRUPTED: 5,
  NFC_LEASE_LOST: 5,
  NFC_REFUSED: 5,
  NFC_STALLED: 5,
  UPLOAD_FAILED: 5,
  VMDK_TRUNCATED: 5,
  DIGEST_FAILED: 2,
  VCENTER_CERTIFICATE_REFUSED: 2,
  VCENTER_FAULT: 2,
  VCENTER_PROTOCOL: 2,
}

/** Whether what stands in the way may be gone a little later. */
export function mayPass(failure: { code: string }): boolean {
  return Object.hasOwn(resumptionsAfter, failure.code)
}

/**
 * Whether the run goes on after this failure; false ends it, and what it has made is taken away. A run whose image stands
 * lacks nothing but its record.
 * @param heldUp how often in a row it has been held up, this time included
 */
export function goesOn(failure: Failure, run: Run, heldUp: number): boolean {
  const imageStands = run.steps.some(({ kind, phase }) => kind === 'image' && phase === 'proven')
  return imageStands || heldUp <= (resumptionsAfter[failure.code as ErrorCode] ?? 0)
}

/** How far a run has come, to be compared: stage and phases first, then bytes. */
export function advanceOf({ state, steps, disks }: Run): { steps: string; bytes: number } {
  const phases = steps.map(({ kind, diskKey, phase }) => `${kind}${diskKey ?? ''}:${phase}`)
  return { steps: [state, ...phases].join(' '), bytes: disks.reduce((sum, disk) => sum + disk.uploadedBytes, 0) }
}

/** How often in a row the run has been held up, with this time: counted anew when it has come further since the last. */
export function countHeldUp(run: Run): HeldUp {
  const now = advanceOf(run)
  const last = run.heldUp
  if (!last || last.steps !== now.steps || now.bytes > last.bytes) return { times: 1, ...now }
  return { ...last, times: last.times + 1 }
}

/** How long to wait before a run goes on, milliseconds. @param times it has been held up in a row, from 1 */
export function resumePause(times: number, firstMs: number): number {
  return firstMs * 2 ** Math.min(times - 1, 4)
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
