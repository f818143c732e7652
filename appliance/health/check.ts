// A check: one question about what the appliance needs, its answer, and how it is asked within its time.
import { ApplianceError, toApplianceError } from '../errors.ts'

export type CheckGroup = 'network' | 'vcenter' | 'aws' | 'appliance'
/** `notStarted` is also the answer of a check that does not apply yet. */
export type CheckState = 'notStarted' | 'inProgress' | 'success' | 'warning' | 'error'

export interface Finding {
  state: Exclude<CheckState, 'inProgress'>
  /** What was found: always there unless all is well. */
  cause?: string
  /** What to do about it. */
  fix?: string
}

export interface Check {
  /** `group.name`, stable. */
  id: string
  group: CheckGroup
  title: string
  timeoutMs?: number
  /** By themselves rounds ask it only when its last answer is older: it costs the other side something. */
  everyMs?: number
  /** What it throws is an error of that name; NOT_CONFIGURED means that it does not apply yet. */
  run(signal: AbortSignal): Promise<Finding>
}

export interface CheckResult {
  id: string
  group: CheckGroup
  title: string
  state: CheckState
  /** When it ended, ISO 8601. */
  at?: string
  tookMs?: number
  cause?: string
  fix?: string
}

/** Longer than a slow vCenter needs to log in, shorter than anybody waits before a page. */
const defaultTimeoutMs = 20_000

export function success(cause?: string): Finding {
  return cause === undefined ? { state: 'success' } : { state: 'success', cause }
}

export function warning(cause: string, fix: string): Finding {
  return { state: 'warning', cause, fix }
}

export function failed(cause: string, fix: string): Finding {
  return { state: 'error', cause, fix }
}

export function notYet(cause: string): Finding {
  return { state: 'notStarted', cause }
}

/** Asks a check. Never throws, and never takes longer than the check's time: what it waits for may go on behind it. */
export async function runCheck(
  check: Check,
  { signal, now, onError }: { signal: AbortSignal; now: () => Date; onError: (thrown: unknown) => void },
): Promise<CheckResult> {
  const { id, group, title, timeoutMs = defaultTimeoutMs } = check
  const started = performance.now()
  const finding = await answer(check, timeoutMs, signal, onError)
  return {
    ...{ id, group, title, ...finding },
    at: now().toISOString(),
    tookMs: Math.round(performance.now() - started),
  }
}

async function answer(
  check: Check,
  timeoutMs: number,
  stopped: AbortSignal,
  onError: (thrown: unknown) => void,
): Promise<Finding> {
  const signal = AbortSignal.any([stopped, AbortSignal.timeout(timeoutMs)])
  const { promise: late, reject } = Promise.withResolvers<never>()
  const giveUp = () => reject(new LateError())
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    if (signal.aborted) giveUp()
    return await Promise.race([late, check.run(signal)])
  } catch (thrown) {
    if (signal.aborted) {
      return failed(
        `No answer within ${timeoutMs / 1000} s.`,
        'Check the network between the appliance and the other side, then run the checks again.',
      )
    }
    return findingOf(thrown, onError)
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}

class LateError extends Error {}

/** An error as a finding. What has no name says nothing of itself here: the log has it. */
export function findingOf(thrown: unknown, onError: (thrown: unknown) => void): Finding {
  const error = toApplianceError(thrown)
  if (error.code === 'NOT_CONFIGURED') return notYet(error.message)
  if (!(thrown instanceof ApplianceError) || error.code === 'INTERNAL') {
    onError(thrown)
    return failed('The check itself failed.', 'The log says why: download the log bundle.')
  }
  return failed(error.message, error.hint)
}
