// What runs have read of disks in the last hour: samples in memory, for the chart of the dashboard.
import type { Run } from '../domain.ts'

export interface ThroughputSample {
  /** ISO 8601, UTC: the end of the time that it stands for. */
  at: string
  /** How long it is. */
  seconds: number
  /** On average in that time. */
  bytesPerSecond: number
}

export interface ThroughputView {
  /** The appliance's clock: that of whoever draws them may differ. */
  now: string
  /** Oldest first. */
  samples: ThroughputSample[]
}

/** To be called so often, milliseconds: fine enough for a chart of an hour. */
export const throughputSampleMs = 10_000
/** An hour. */
const samplesKept = 360

/** Follows the runs, and forgets what is older than an hour. */
export class ThroughputHistory {
  readonly #now: () => Date
  /** Bytes that each run under way has read, of all its disks. */
  readonly #read = new Map<string, number>()
  readonly #samples: ThroughputSample[] = []
  #bytes = 0
  #sinceMs: number

  constructor(now: () => Date) {
    this.#now = now
    this.#sinceMs = now().getTime()
  }

  /** To be called at every change of a run, bytes included. */
  observe(run: Run): void {
    const read = run.disks.reduce((sum, disk) => sum + disk.readBytes, 0)
    // Of a run that goes on after a restart, what it finds was read before. A disk that is read again begins anew.
    this.#bytes += Math.max(0, read - (this.#read.get(run.id) ?? read))
    if (run.endedAt === undefined) this.#read.set(run.id, read)
    else this.#read.delete(run.id)
  }

  /** Ends a sample and begins the next. */
  sample(): void {
    const at = this.#now()
    const seconds = (at.getTime() - this.#sinceMs) / 1000
    this.#sinceMs = at.getTime()
    // The clock was set back: how long it took is not known.
    if (seconds > 0) {
      this.#samples.push({ at: at.toISOString(), seconds, bytesPerSecond: Math.round(this.#bytes / seconds) })
      if (this.#samples.length > samplesKept) this.#samples.shift()
    }
    this.#bytes = 0
  }

  view(): ThroughputView {
    return { now: this.#now().toISOString(), samples: [...this.#samples] }
  }
}
