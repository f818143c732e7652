// The one retry layer for AWS: the SDK itself tries once (`maxAttempts: 1`), so that nothing is multiplied and every wait can be aborted.
import { setTimeout as delay } from 'node:timers/promises'
import { awsError, retryCause } from './aws-errors.ts'

/** Eight attempts and waits of up to 20 s ride out about a minute of a lost line; more belongs to the run's own retry. */
export const maxAttempts = 8
const firstWaitMs = 200
const longestWaitMs = 20_000
/** Throttled callers that come back at once are throttled again. */
const firstThrottledWaitMs = 1_000

export interface RetryOptions {
  signal?: AbortSignal | undefined
  /** Told before every repeated request, with its cause: `throttled`, `timeout`, `network`, `server`, `clockSkew`. */
  onRetry?: ((cause: string) => void) | undefined
  attempts?: number | undefined
}

/**
 * Runs `send` until it succeeds, is refused for good, or the attempts are used up; waits grow exponentially with full jitter.
 * @param action the IAM action, such as `s3:PutObject`, which names the request in errors.
 * @throws ApplianceError for whatever AWS said; the signal's reason once it is aborted.
 */
export async function withRetries<T>(action: string, send: () => Promise<T>, options: RetryOptions = {}): Promise<T> {
  const { signal, onRetry, attempts = maxAttempts } = options
  let skewCorrected = false
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted()
    try {
      return await send()
    } catch (thrown) {
      signal?.throwIfAborted()
      const cause = retryCause(thrown)
      // Refused again by the right time: EC2, for one, says the same of a signature that expired and of credentials.
      const inVain = cause === 'clockSkew' && skewCorrected
      if (cause === undefined || inVain || attempt >= attempts) throw awsError(action, thrown)
      skewCorrected ||= cause === 'clockSkew'
      onRetry?.(cause)
      const first = cause === 'throttled' ? firstThrottledWaitMs : firstWaitMs
      // The SDK has taken the server's clock from the answer: the next signature is right at once.
      if (cause !== 'clockSkew') {
        await pause(Math.random() * Math.min(longestWaitMs, first * 2 ** attempt), signal)
      }
    }
  }
}

/** Waits, or throws the signal's own reason. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, signal === undefined ? {} : { signal })
  } catch (thrown) {
    signal?.throwIfAborted()
    throw thrown
  }
}

/** A poll's wait with 20 % jitter either way, so that fifty tasks do not ask at the same moment. */
export function pollPause(pollMs: number, signal?: AbortSignal): Promise<void> {
  return pause(pollMs * (0.8 + 0.4 * Math.random()), signal)
}
