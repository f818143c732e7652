// Whether the clock may be believed, asked before AWS is: a wrong one gives signatures that are refused, runs at wrong hours, and
// images that are removed as too old.
import type { AwsClients } from '../aws/clients.ts'
import { probeEndpoint } from '../aws/endpoints.ts'
import { ApplianceError } from '../errors.ts'
import { oneAtATime } from '../one-at-a-time.ts'

export interface ClockGateOptions {
  /** Whether something keeps this machine's clock right; undefined when nothing here can tell. */
  isSynchronized(signal: AbortSignal): Promise<boolean | undefined>
  now(): Date
  /** Milliseconds of a clock that nobody sets. */
  monotonicMs?: () => number
  /** Told of each measurement: how far our clock is ahead of AWS's. */
  onSkew?(skewMs: number): void
}

/** Signatures are refused beyond 5 minutes: what drifts has some time left when it is told. */
const maxSkewMs = 2 * 60_000
/** A clock that was right is so for a while: what keeps it right does not stop with it. */
const trustedMs = 10 * 60_000
/** One that nothing keeps right is looked at more often. */
const measuredMs = 60_000
/** Fifty runs that wait ask once. */
const distrustedMs = 5_000
const askTimeoutMs = 15_000

/** Lets pass while the clock is right. Verdicts hold for a while, by a clock that nobody sets. */
export class ClockGate {
  readonly #options: ClockGateOptions
  readonly #monotonicMs: () => number
  readonly #inTurn = oneAtATime()
  #verdict: { until: number; failure?: ApplianceError } | undefined

  constructor(options: ClockGateOptions) {
    this.#options = options
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now())
  }

  /**
   * Asks the machine first, and AWS's own clock where the machine's is not synchronized.
   * @throws {ApplianceError} AWS_CLOCK_SKEW; AWS_UNREACHABLE when AWS has to be asked and does not answer
   */
  async pass(clients: AwsClients): Promise<void> {
    const known = this.#known()
    const verdict = known ?? (await this.#inTurn(async () => this.#known() ?? (await this.#judge(clients))))
    if (verdict.failure) throw verdict.failure
  }

  #known() {
    return this.#verdict && this.#monotonicMs() < this.#verdict.until ? this.#verdict : undefined
  }

  async #judge(clients: AwsClients) {
    const signal = AbortSignal.timeout(askTimeoutMs)
    const synchronized = await this.#options.isSynchronized(signal)
    if (synchronized) return this.#keep(trustedMs)
    // Where nothing can tell, AWS's refusals say it, as they always did. A machine that has just started may soon tell.
    if (synchronized === undefined) return this.#keep(measuredMs)
    const { dateMs, tookMs } = await probeEndpoint(clients, 'sts', { signal })
    if (dateMs === undefined) return this.#keep(measuredMs)
    // The header has whole seconds, and was written somewhere between question and answer.
    const skewMs = Math.round(this.#options.now().getTime() - tookMs / 2 - (dateMs + 500))
    this.#options.onSkew?.(skewMs)
    if (Math.abs(skewMs) <= maxSkewMs) return this.#keep(measuredMs)
    return this.#keep(distrustedMs, wrong(skewMs))
  }

  #keep(forMs: number, failure?: ApplianceError) {
    this.#verdict = { until: this.#monotonicMs() + forMs, ...(failure ? { failure } : {}) }
    return this.#verdict
  }
}

function wrong(skewMs: number): ApplianceError {
  const minutes = Math.round(Math.abs(skewMs) / 60_000)
  const how = skewMs < 0 ? 'behind' : 'ahead of'
  return new ApplianceError(
    'AWS_CLOCK_SKEW',
    `The appliance's clock is not synchronized, and ${minutes} minutes ${how} AWS's: AWS is not asked for anything.`,
    {
      hint: 'Set time servers (NTP) that the appliance can reach, or correct the time of its host; it goes on by itself.',
    },
  )
}
