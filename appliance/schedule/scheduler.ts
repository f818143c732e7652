// Starts what is due: looks at the jobs every few seconds and hands them to whoever runs them.
import type { Job } from '../domain.ts'
import { nextRun } from './next-run.ts'

export interface DueJobs {
  due(now: Date): Promise<Job[]>
  /** Sets when the job runs next; none ends a job that runs once. */
  reschedule(job: Job, next: Date | undefined): Promise<void>
}

export interface SchedulerOptions {
  jobs: DueJobs
  /** Starts a run; false when the job's last run still goes on, which skips this interval. */
  start: (job: Job) => Promise<boolean>
  now: () => Date
  onError: (error: unknown) => void
  /** How often to look, milliseconds. */
  tickMs: number
}

/** Looks for due jobs from `start()` until `stop()`. One look at a time: a slow store delays, and never doubles. */
export class Scheduler {
  readonly #options: SchedulerOptions
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> = Promise.resolve()

  constructor(options: SchedulerOptions) {
    this.#options = options
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.#looking = this.look()
        .catch(this.#options.onError)
        .then(() => {
          if (this.#timer) this.start()
        })
    }, this.#options.tickMs)
  }

  /** Waits for the look under way. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#looking
  }

  /** One look: the next time is stored before the run starts, so that a crash in between skips a run and never doubles it. */
  async look(): Promise<void> {
    const { jobs, start, now, onError } = this.#options
    for (const job of await jobs.due(now())) {
      try {
        await jobs.reschedule(job, nextRun(job.schedule, { now: now(), lastStartedAt: now() }))
        await start(job)
      } catch (error) {
        // One job's trouble is not the others'.
        onError(error)
      }
    }
  }
}
