// Paces bytes: a token bucket that any number of streams share fairly, and that follows a rate which changes under way.

/** Passes bytes on no faster than it may. */
export interface Throttle {
  /** Waits until so many bytes may pass. Rejects with the signal's reason when it is aborted first. */
  take(bytes: number, signal: AbortSignal): Promise<void>
  /** How many bytes should be taken at once at the present rate, so that they do not leave in lumps; Infinity without a limit. */
  pieceBytes(): number
}

/** Time that nobody can set, and one-shot timers; replaced in tests. */
export interface ThrottleClock {
  nowMs(): number
  /** Calls once after so long; returns how to take that back. */
  after(ms: number, call: () => void): () => void
}

export interface ThrottleOptions {
  /** What passes here has to pass there, too: the limit of all jobs behind that of one. */
  within?: Throttle
  clock?: ThrottleClock
}

/** What has not been used does not add up to more than this much of the rate, milliseconds. */
const burstMs = 250
/** Shorter waits do not pay: a stream finds what has gathered meanwhile, and goes on without a wait of its own. */
const minWaitMs = 25
/** Longer ones would lose tokens to the limit above when the event loop is late. */
const maxWaitMs = 100
/** Nothing passes while held: only the rate has to be looked at. */
const heldWaitMs = 250
/** The rate comes from a timetable: that is not worked out for every chunk. */
const rateAgeMs = 100
/**
 * A piece is a tenth of a second at most, so that streams of slow limits pass little by little, and never so large that
 * streams with smaller chunks fall behind those with larger ones. Nor is it tiny: each costs a wait.
 */
const piecesPerSecond = 10
const maxPieceBytes = 64 * 1024
const minPieceBytes = 4096
/** What time brings are fractions of bytes, which do not add up to the last digit. */
const crumb = 1e-6

interface Waiter {
  left: number
  resolve: () => void
}

/**
 * A throttle at the rate that `rateNow` gives: bytes per second, null for no limit, 0 to hold everything back. It is exact
 * over seconds, and keeps no timer when nobody waits. Streams take turns, in the order in which they ask: they share fairly
 * as long as each asks for a piece at a time, as `paced` does.
 */
export function createThrottle(rateNow: () => number | null, options: ThrottleOptions = {}): Throttle {
  const { within, clock = systemClock } = options
  const bucket = new Bucket(rateNow, clock)
  if (!within) return bucket
  return {
    async take(bytes, signal) {
      // The narrower one first: what is let through there is used at once here.
      await bucket.take(bytes, signal)
      await within.take(bytes, signal)
    },
    pieceBytes: () => Math.min(bucket.pieceBytes(), within.pieceBytes()),
  }
}

/** The chunks of a stream, as the throttle lets them pass: cut where one alone would be a lump. */
export async function* paced(
  chunks: AsyncIterable<Buffer>,
  throttle: Throttle,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, Math.min(chunk.length, at + throttle.pieceBytes()))
      await throttle.take(piece.length, signal)
      yield piece
      at += piece.length
    }
  }
}

class Bucket implements Throttle {
  readonly #rateNow: () => number | null
  readonly #clock: ThrottleClock
  readonly #waiters: Waiter[] = []
  #rate: number | null = null
  #rateReadMs = Number.NEGATIVE_INFINITY
  #tokens = 0
  #filledMs: number
  #cancelTimer: (() => void) | undefined

  constructor(rateNow: () => number | null, clock: ThrottleClock) {
    this.#rateNow = rateNow
    this.#clock = clock
    this.#filledMs = clock.nowMs()
  }

  async take(bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    this.#fill()
    if (this.#rate === null) return
    if (this.#waiters.length === 0 && this.#tokens >= bytes) {
      this.#tokens -= bytes
      return
    }
    const passed = Promise.withResolvers<void>()
    const waiter: Waiter = { left: bytes, resolve: passed.resolve }
    const onAbort = () => {
      const place = this.#waiters.indexOf(waiter)
      if (place < 0) return
      this.#waiters.splice(place, 1)
      this.#tokens = Math.min(this.#capacity(), this.#tokens + bytes - waiter.left)
      passed.reject(signal.reason)
      this.#cancelTimer?.()
      this.#cancelTimer = undefined
      this.#serve()
    }
    signal.addEventListener('abort', onAbort, { once: true })
    this.#waiters.push(waiter)
    this.#wait()
    await passed.promise.finally(() => signal.removeEventListener('abort', onAbort))
  }

  pieceBytes(): number {
    this.#fill()
    if (this.#rate === null) return Number.POSITIVE_INFINITY
    return Math.min(maxPieceBytes, Math.max(minPieceBytes, Math.floor(this.#rate / piecesPerSecond)))
  }

  #capacity(): number {
    return ((this.#rate ?? 0) * burstMs) / 1000
  }

  /** Adds what the time since the last call has brought, then looks whether the rate is another. */
  #fill(): void {
    const nowMs = this.#clock.nowMs()
    const broughtBytes = ((this.#rate ?? 0) * (nowMs - this.#filledMs)) / 1000
    this.#tokens = Math.min(this.#capacity(), this.#tokens + broughtBytes)
    this.#filledMs = nowMs
    if (nowMs - this.#rateReadMs < rateAgeMs) return
    this.#rateReadMs = nowMs
    this.#rate = this.#rateNow()
    this.#tokens = Math.min(this.#capacity(), this.#tokens)
  }

  /** Hands what has gathered to those who wait, one after the other. */
  #serve(): void {
    this.#fill()
    for (let first = this.#waiters[0]; first; first = this.#waiters[0]) {
      const share = this.#rate === null ? first.left : Math.min(first.left, this.#tokens)
      first.left -= share
      this.#tokens = Math.max(0, this.#tokens - share)
      if (first.left > crumb) break
      this.#waiters.shift()
      first.resolve()
    }
    this.#wait()
  }

  #wait(): void {
    const first = this.#waiters[0]
    if (!first) return
    this.#cancelTimer ??= this.#clock.after(this.#waitMs(first.left), () => {
      this.#cancelTimer = undefined
      this.#serve()
    })
  }

  #waitMs(neededBytes: number): number {
    if (!this.#rate) return heldWaitMs
    return Math.min(maxWaitMs, Math.max(minWaitMs, (neededBytes / this.#rate) * 1000))
  }
}

const systemClock: ThrottleClock = {
  nowMs: () => performance.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms)
    return () => clearTimeout(timer)
  },
}
