// Bytes, rate and time left of a run's disks: pure, fed with samples.

/** One look at a disk's progress. */
export interface Sample {
  /** Milliseconds of a monotonic clock. */
  atMs: number
  bytes: number
}

/** The rate is that of the last 10 s: shorter jumps about, longer hides a stalled link. */
const windowMs = 10_000

/** A rate over a sliding window. */
export class RateMeter {
  #samples: Sample[] = []

  add(sample: Sample): void {
    const last = this.#samples.at(-1)
    // Samples less than 100 ms apart are merged, so that the list stays short however small the chunks are.
    if (last && this.#samples.length > 1 && sample.atMs - last.atMs < 100) last.bytes = sample.bytes
    else this.#samples.push({ ...sample })
    const oldest = sample.atMs - windowMs
    while (this.#samples.length > 2 && (this.#samples[1]?.atMs ?? Number.POSITIVE_INFINITY) <= oldest)
      this.#samples.shift()
  }

  /** Bytes per second up to `nowMs`; 0 before there are two samples. */
  bytesPerSecond(nowMs: number): number {
    const first = this.#samples[0]
    const last = this.#samples.at(-1)
    if (!first || !last || nowMs <= first.atMs) return 0
    return ((last.bytes - first.bytes) * 1000) / (nowMs - first.atMs)
  }
}

/** Seconds until `total` at this rate; absent while there is none. */
export function secondsLeft(done: number, total: number, bytesPerSecond: number): number | undefined {
  if (done >= total) return 0
  if (bytesPerSecond <= 0) return undefined
  return Math.ceil((total - done) / bytesPerSecond)
}
