// Takes a backup a day, for as long as the appliance runs.
import { setTimeout as delay } from 'node:timers/promises'
import type { Backup } from './backup.ts'

const dayMs = 24 * 3_600_000
/** A backup that failed is tried again after this; a clock that was set is noticed. */
const lookMs = 3_600_000

export interface DailyBackupsOptions {
  take(signal: AbortSignal): Promise<Backup>
  /** Newest first. */
  list(): Promise<Backup[]>
  now(): Date
  /** A backup failed: it is tried again within the hour. */
  onError(thrown: unknown): void
  /** Between two looks, milliseconds. */
  lookMs?: number
}

/** Looks at once and every hour whether a day has passed since the newest backup. */
export class DailyBackups {
  readonly #options: DailyBackupsOptions
  readonly #stopping = new AbortController()
  #loop: Promise<void> = Promise.resolve()

  constructor(options: DailyBackupsOptions) {
    this.#options = options
  }

  start(): void {
    this.#loop = this.#run()
  }

  /** Gives up a backup under way: it leaves nothing. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#loop
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    const wait = this.#options.lookMs ?? lookMs
    while (!signal.aborted) {
      try {
        if (await this.#isDue()) await this.#options.take(signal)
        // A timer that holds nothing up: it ends with the appliance.
        await delay(wait, undefined, { signal })
      } catch (thrown) {
        if (signal.aborted) return
        this.#options.onError(thrown)
        await delay(wait, undefined, { signal }).catch(() => undefined) // ends early only when stopped
      }
    }
  }

  /** A newest one from the future was made under a wrong clock, and says nothing. */
  async #isDue(): Promise<boolean> {
    const now = this.#options.now().getTime()
    const past = (await this.#options.list()).map(({ takenAt }) => Date.parse(takenAt)).filter(at => at <= now)
    return past.length === 0 || now - Math.max(...past) >= dayMs
  }
}
