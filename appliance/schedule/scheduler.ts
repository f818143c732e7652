// Starts what is due: looks at the jobs every few seconds, asks the policy, and hands them to whoever runs them.
import type { Job, Policy } from '../domain.ts'
import { missedRuns, nextRun, place } from './next-run.ts'
import { blackoutAt } from './policy.ts'
import { isInside } from './weekly-window.ts'

/** What a look changes in a job. */
export interface RunPlan {
  /** ISO 8601; undefined when nothing is due any more. */
  nextRunAt: string | undefined
  lastPlannedAt?: string
  /** A single run was missed, and is not made up for. */
  state?: 'ended'
}

export interface DueJobs {
  /** Active jobs whose next run is not after `now`. */
  due(now: Date): Promise<Job[]>
  /** Every active job. */
  active(): AsyncIterable<Job>
  /** Stores a plan, unless the stored job's `nextRunAt` is no longer that of `job`: a user has changed it meanwhile. */
  reschedule(job: Job, plan: RunPlan): Promise<void>
}

export interface SchedulerOptions {
  jobs: DueJobs
  policy: () => Policy | Promise<Policy>
  /**
   * Starts a run: resolves once its record is stored, with false when another run of the job still goes on, which skips
   * this interval. Comes again for the same planned time when the appliance stopped before the next one was stored: then
   * it must start nothing, and say true.
   */
  start: (job: Job, plannedAt: Date) => Promise<boolean>
  /** Records a run whose time passed while the appliance was away. May come again, as `start` may; so may `skipped`. */
  missed: (job: Job, plannedAt: Date) => Promise<void>
  /** Records that a run was left out, as the last one still goes on. */
  skipped: (job: Job, plannedAt: Date) => Promise<void>
  now: () => Date
  /** A clock that nobody sets, milliseconds. */
  monotonicMs?: () => number
  onError: (error: unknown) => void
  /** How often to look, milliseconds. */
  tickMs: number
  /** A run that is later than this was missed, milliseconds: long enough for a restart or an upgrade. */
  toleranceMs: number
}

/** A clock that jumped ahead is believed when it has stayed there for so many looks: one that is set right again has done no harm. */
const looksInDoubt = 3

/** Looks for due jobs from `start()` until `stop()`. One look at a time: a slow store delays, and never doubles. */
export class Scheduler {
  readonly #options: Required<SchedulerOptions>
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> = Promise.resolve()
  #stopping = false
  #lastLook: { atMs: number; monotonicMs: number } | undefined
  #doubt = 0

  constructor(options: SchedulerOptions) {
    this.#options = { monotonicMs: () => performance.now(), ...options }
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

  /** Waits for the look under way, which leaves what it has not begun to the next start. */
  async stop(): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#looking
  }

  /** One look at what is due. */
  async look(): Promise<void> {
    const { jobs, now, onError } = this.#options
    if (!(await this.#clockIsSettled())) return
    for (const job of await jobs.due(now())) {
      if (this.#stopping) return
      try {
        await this.#serve(job)
      } catch (error) {
        // One job's trouble is not the others'; it stays due.
        onError(error)
      }
    }
  }

  /**
   * A run's record is stored before the job's next time: a crash in between finds the job due again and its run there
   * already, so that none is doubled, and none is lost.
   */
  async #serve(job: Job): Promise<void> {
    const { jobs, policy, start, missed, skipped, now, toleranceMs } = this.#options
    if (job.nextRunAt === undefined) return
    const { schedule } = job
    const plannedAt = new Date(job.nextRunAt)
    const served = (): RunPlan => ({
      nextRunAt: nextRun(schedule, { now: now(), servedAt: plannedAt, jobId: job.id })?.toISOString(),
      lastPlannedAt: plannedAt.toISOString(),
    })
    const verdict = missedRuns(schedule, { plannedAt, now: now(), toleranceMs })
    if (verdict === 'skip') {
      await missed(job, plannedAt)
      return await jobs.reschedule(job, schedule.everyHours === undefined ? { ...served(), state: 'ended' } : served())
    }
    const later = this.#notBefore(job, await policy(), verdict === 'run')
    if (later) return await jobs.reschedule(job, { nextRunAt: later.toISOString() })
    if (!(await start(job, plannedAt))) {
      // A single run has no next interval: it waits for the other one's end.
      if (schedule.everyHours === undefined) return
      await skipped(job, plannedAt)
    }
    await jobs.reschedule(job, served())
  }

  /** When a job that may not start now may; undefined when it may. One on time was planned inside its windows. */
  #notBefore({ id, schedule }: Job, policy: Policy, late: boolean): Date | undefined {
    const now = this.#options.now()
    const { endsAt } = blackoutAt(policy, now)
    if (endsAt) return place(schedule, endsAt, id)
    const { windows = [], timeZone = 'UTC' } = schedule
    if (!late || windows.length === 0 || isInside(windows, now, timeZone)) return undefined
    return place(schedule, now, id)
  }

  /** Compares the clock with that of the last look. What was planned while it was ahead is planned again when it is set back. */
  async #clockIsSettled(): Promise<boolean> {
    const { now, monotonicMs, toleranceMs } = this.#options
    const look = { atMs: now().getTime(), monotonicMs: monotonicMs() }
    const last = this.#lastLook
    if (!last || look.atMs < last.atMs) {
      this.#doubt = 0
      await this.#replan(now())
    } else if (look.atMs - last.atMs - (look.monotonicMs - last.monotonicMs) > toleranceMs) {
      this.#doubt = looksInDoubt
    }
    this.#lastLook = look
    if (this.#doubt === 0) return true
    this.#doubt--
    return false
  }

  /** Brings back next runs that lie beyond the first one after `now`. */
  async #replan(now: Date): Promise<void> {
    const { jobs } = this.#options
    for await (const job of jobs.active()) {
      if (job.nextRunAt === undefined) continue
      const servedAt = job.lastPlannedAt === undefined ? undefined : new Date(job.lastPlannedAt)
      const next = nextRun(job.schedule, { now, servedAt, jobId: job.id })
      if (next && next < new Date(job.nextRunAt)) await jobs.reschedule(job, { nextRunAt: next.toISOString() })
    }
  }
}
