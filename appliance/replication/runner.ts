// Runs in progress: started, gone on with after a restart or a setback, held to the caps, cancelled, and let go when the appliance stops.
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { isStage, type Job, type Run, type RunTrigger } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import type { RunRepository } from '../store/runs.ts'
import type { DatastoreWatch } from '../vsphere/datastore-watch.ts'
import type { RunContext } from './context.ts'
import { cancellation, countHeldUp, interruption, mustLeave, outcomeOf, resumePause } from './failure.ts'
import { stopShort } from './give-up.ts'
import { RunJournal, type RunListener } from './journal.ts'
import { newRun, type PlannedTime } from './new-run.ts'
import { replicate } from './run.ts'
import type { Priority, Slots } from './slots.ts'

export interface RunnerOptions {
  runs: RunRepository
  slots: Slots
  /** Connects a run with the world; rejects when vCenter or AWS cannot be reached. */
  contextFor: (job: Job, journal: RunJournal, how: { priority: Priority; stopping: AbortSignal }) => Promise<RunContext>
  /** Waits while no run may start: a blackout of the policy. */
  mayStart: (signal: AbortSignal) => Promise<void>
  /** Wraps a run's execution, so that what happens inside can be told to belong to it. */
  around: <T>(journal: RunJournal, execute: () => Promise<T>) => Promise<T>
  listener: RunListener
  /** Told of each run that has ended, before the next one of its job may start. */
  ended: (run: Run) => Promise<void>
  /** Watches the datastores of a run's open VM snapshot while nothing else does. */
  watch: (run: Run, signal: AbortSignal) => DatastoreWatch
  log: Logger
  /** First pause before a run that was held up goes on, milliseconds. */
  resumeMs: number
}

interface Active {
  jobId: string
  cancel: AbortController
  /** The run itself is over; what its end means is being dealt with. */
  over: boolean
  ended: Promise<void>
}

/** A run's place among those under way. */
interface Place {
  /** Ends the run, as an operator's cancellation does, for another reason. */
  abort: (reason: unknown) => void
  /** Aborted when the run is cancelled, or must let go of everything as it stands. */
  signal: AbortSignal
  /** Aborted in the second case only. */
  stopping: AbortSignal
  /** Says that the run itself is over. */
  finish: () => void
  leave: () => void
}

/** A run that has been gone on with so often, and never came further, may be what stops the appliance. */
const maxResumptions = 50

/** At most one run of a job at a time, at most `servers` runs in all. */
export class Runner {
  readonly #options: RunnerOptions
  readonly #active = new Map<string, Active>()
  #halt = new AbortController()

  constructor(options: RunnerOptions) {
    this.#options = options
  }

  /**
   * Starts a run of a job and returns at once. One that was planned has an id of its own for that time: it cannot be started twice.
   * @throws {ApplianceError} RUN_IN_PROGRESS when the job's last run still goes on, RUN_EXISTS when the planned run was
   * started before, RUN_INTERRUPTED or CONNECTOR_READ_ONLY while halted
   */
  async start(job: Job, trigger: RunTrigger, planned?: PlannedTime): Promise<Run> {
    // A run that is over may still be counted: the next one waits for that.
    for (const { jobId, over, ended } of [...this.#active.values()]) if (jobId === job.id && over) await ended
    this.#halt.signal.throwIfAborted()
    if (this.isActive(job.id)) {
      throw new ApplianceError('RUN_IN_PROGRESS', `A run of ${job.serverName} is under way`, {
        hint: 'Wait for it to end, or cancel it.',
      })
    }
    const run = newRun(job, trigger, planned)
    // Entered before the first wait, so that two starts of a job at the same moment cannot both pass the check above.
    const place = this.#enter(run)
    try {
      await this.#options.runs.create(run)
    } catch (error) {
      place.leave()
      throw error
    }
    this.#options.listener(run)
    void this.#execute(job, new RunJournal(run, this.#options.runs, this.#options.listener), place)
    return run
  }

  /** Goes on with a run that an earlier process has left in a stage. */
  resume(job: Job, run: Run): void {
    if (this.#active.has(run.id) || this.#halt.signal.aborted) return
    void this.#execute(job, new RunJournal(run, this.#options.runs, this.#options.listener), this.#enter(run), true)
  }

  /**
   * Cancels a run; resolves when it has ended and has taken away what it made.
   * @throws {ApplianceError} NOT_FOUND when no such run is under way
   */
  async cancel(runId: string): Promise<void> {
    const active = this.#active.get(runId)
    if (!active || active.over) {
      throw new ApplianceError('NOT_FOUND', `No run ${runId} is under way`, { hint: 'It may have ended meanwhile.' })
    }
    active.cancel.abort(cancellation())
    await active.ended
  }

  /** Whether this run is under way here. */
  executes(runId: string): boolean {
    return this.#active.has(runId)
  }

  /** Whether a run of the job is under way. */
  isActive(jobId: string): boolean {
    return [...this.#active.values()].some(active => active.jobId === jobId && !active.over)
  }

  /** Cancels the job's run, if there is one, and waits for its end. */
  async cancelJob(jobId: string): Promise<void> {
    const ofJob = [...this.#active.values()].filter(active => active.jobId === jobId)
    for (const { cancel } of ofJob) cancel.abort(cancellation())
    await Promise.all(ofJob.map(({ ended }) => ended))
  }

  /**
   * Lets go of every run as it stands, and starts none until `release`.
   * @param reason RUN_INTERRUPTED when the appliance stops, CONNECTOR_READ_ONLY when it may not go on
   */
  async halt(reason: ApplianceError = interruption()): Promise<void> {
    this.#halt.abort(reason)
    await Promise.all([...this.#active.values()].map(active => active.ended))
  }

  /** After `halt`, lets runs be started and gone on with again. */
  release(): void {
    if (this.#halt.signal.aborted) this.#halt = new AbortController()
  }

  #enter(run: Run): Place {
    const cancel = new AbortController()
    const ended = Promise.withResolvers<void>()
    const active: Active = { jobId: run.jobId, cancel, over: false, ended: ended.promise }
    this.#active.set(run.id, active)
    return {
      abort: reason => cancel.abort(reason),
      signal: AbortSignal.any([cancel.signal, this.#halt.signal]),
      stopping: this.#halt.signal,
      finish: () => {
        active.over = true
      },
      leave: () => {
        this.#active.delete(run.id)
        ended.resolve()
      },
    }
  }

  /** From where the run stands to its end, with a rest after each setback. */
  async #execute(job: Job, journal: RunJournal, place: Place, resumed = false): Promise<void> {
    const { log, ended } = this.#options
    const { stopping, finish, leave } = place
    const about = log.child({ jobId: job.id, runId: journal.run.id, server: journal.run.serverName })
    try {
      for (let again = resumed, rests = 0; isStage(journal.run.state); again = true) {
        const { failure } = journal.run
        await this.#attempt(job, journal, { ...place, log: about, again })
        // What was given up just now is cleaned at once.
        const justGivenUp = failure === undefined && journal.run.failure !== undefined
        if (isStage(journal.run.state) && !justGivenUp) await this.#rest(journal, ++rests, place)
        if (mustLeave(stopping)) return
      }
      finish()
      await ended(journal.run)
    } catch (err) {
      about.error({ err }, 'the end of a run could not be dealt with')
    } finally {
      leave()
    }
  }

  async #attempt(
    job: Job,
    journal: RunJournal,
    { signal, stopping, log, again }: { signal: AbortSignal; stopping: AbortSignal; log: Logger; again: boolean },
  ): Promise<void> {
    const { runs, slots, contextFor, mayStart, around, resumeMs } = this.#options
    // What was given up is cleaned even when the run was cancelled.
    const waiting = journal.run.failure ? stopping : signal
    try {
      if (journal.run.state === 'scheduled' && !journal.run.failure) await mayStart(signal)
      const priority = (await runs.lastSuccess(job.id)) ? 'delta' : 'first'
      const release = await slots.acquire(['servers'], waiting, { priority })
      try {
        if (again && !journal.run.failure) await goOn(journal)
        const runJob = { ...job, settings: journal.run.settings ?? job.settings }
        await around(journal, async () => {
          const context = await orAborted(contextFor(runJob, journal, { priority, stopping }), waiting)
          await replicate(context, signal)
        })
      } finally {
        release()
      }
    } catch (thrown) {
      // The run was waiting, or neither vCenter nor AWS could be connected to.
      if (journal.run.failure) log.error({ err: thrown }, 'run could not be taken back yet')
      else await stopShort(thrown, { journal, log, resumeMs, stopping }, signal)
      const { failure, steps } = journal.run
      const isNothingMade = steps.length === 0
      if (failure && isNothingMade)
        await journal.end(outcomeOf(failure)).catch(err => log.error({ err }, 'end of the run not stored'))
    }
  }

  /** Until what holds the run up may have passed; a cancellation ends the rest, and so does a datastore that fills up. */
  async #rest(journal: RunJournal, rests: number, { signal, stopping, abort }: Place): Promise<void> {
    const { resumeMs, watch } = this.#options
    const { run } = journal
    const ends = run.failure ? stopping : signal
    const vmSnapshot = journal.phase('vmSnapshot')
    // A run that is given up already cannot be ended once more: watched, it would not rest at all.
    const guarded = !run.failure && vmSnapshot !== undefined && vmSnapshot !== 'proven'
    const guard = guarded ? watch(run, ends) : undefined
    try {
      const pauseMs = resumePause(run.failure ? rests : (run.heldUp?.times ?? 1), resumeMs)
      await delay(pauseMs, undefined, { signal: guard ? AbortSignal.any([ends, guard.low]) : ends }).catch(
        () => undefined,
      )
      if (guard?.low.aborted) abort(guard.low.reason)
    } finally {
      guard?.stop()
    }
  }
}

/** What is waited for goes on when the signal ends the wait. */
async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const stop = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  try {
    return await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', stop)
    promise.catch(() => undefined)
  }
}

/** @throws {ApplianceError} RUN_RESTARTED_TOO_OFTEN */
async function goOn(journal: RunJournal): Promise<void> {
  const heldUp = countHeldUp(journal.run)
  // A setback was judged when it came; what is counted here is restarts.
  if (!journal.run.setback && heldUp.times > maxResumptions) {
    throw new ApplianceError(
      'RUN_RESTARTED_TOO_OFTEN',
      `The run was gone on with ${maxResumptions} times and came no further`,
      {
        hint: 'Look in the log for what stops the appliance during this run, then start the job again.',
      },
    )
  }
  await journal.recordGoingOn(heldUp)
}
