// Runs in progress: starts them, holds them to the caps, cancels them, and drains them when the appliance stops.
import { randomUUID } from 'node:crypto'
import type { Job, Run } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import type { RunRepository } from '../store/runs.ts'
import type { RunContext } from './context.ts'
import { cancellation, failureOf, interruption, outcomeOf } from './failure.ts'
import { RunJournal, type RunListener } from './journal.ts'
import { replicate } from './run.ts'
import type { Slots } from './slots.ts'

export interface RunnerOptions {
  runs: RunRepository
  slots: Slots
  /** Connects a run with the world; rejects when vCenter or AWS cannot be reached. */
  contextFor: (job: Job, journal: RunJournal) => Promise<RunContext>
  /** Wraps a run's execution, so that what happens inside can be told to belong to it. */
  around: <T>(journal: RunJournal, execute: () => Promise<T>) => Promise<T>
  listener: RunListener
  onError: (error: unknown) => void
}

interface Active {
  jobId: string
  cancel: AbortController
  ended: Promise<void>
}

/** At most one run of a job at a time, at most `servers` runs in all. */
export class Runner {
  readonly #options: RunnerOptions
  readonly #active = new Map<string, Active>()
  #stopping = false

  constructor(options: RunnerOptions) {
    this.#options = options
  }

  /**
   * Starts a run of a job and returns at once.
   * @throws {ApplianceError} RUN_IN_PROGRESS when the job's last run still goes on, RUN_INTERRUPTED while stopping
   */
  async start(job: Job): Promise<Run> {
    if (this.#stopping) throw interruption()
    for (const active of this.#active.values()) {
      if (active.jobId !== job.id) continue
      throw new ApplianceError('RUN_IN_PROGRESS', `A run of ${job.serverName} is under way`, {
        hint: 'Wait for it to end, or cancel it.',
      })
    }
    const run: Run = {
      id: randomUUID(),
      jobId: job.id,
      serverId: job.serverId,
      serverName: job.serverName,
      state: 'scheduled',
      createdAt: new Date().toISOString(),
      disks: [],
      retries: {},
      imageSnapshotIds: [],
      warnings: [],
    }
    const cancel = new AbortController()
    // Entered before the first wait, so that two starts of a job at the same moment cannot both pass the check above.
    const ended = Promise.withResolvers<void>()
    this.#active.set(run.id, { jobId: job.id, cancel, ended: ended.promise })
    const leave = () => {
      this.#active.delete(run.id)
      ended.resolve()
    }
    try {
      await this.#options.runs.create(run)
    } catch (error) {
      leave()
      throw error
    }
    this.#options.listener(run)
    void this.#execute(job, run, cancel.signal).finally(leave)
    return run
  }

  /**
   * Cancels a run; resolves when it has ended and has taken away what it made.
   * @throws {ApplianceError} NOT_FOUND when no such run is under way
   */
  async cancel(runId: string): Promise<void> {
    const active = this.#active.get(runId)
    if (!active) {
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
    return [...this.#active.values()].some(active => active.jobId === jobId)
  }

  /** Cancels the job's run, if there is one, and waits for its end. */
  async cancelJob(jobId: string): Promise<void> {
    await Promise.all([...this.#active].filter(([, active]) => active.jobId === jobId).map(([id]) => this.cancel(id)))
  }

  /** Interrupts every run and waits until each has cleaned up. */
  async stop(): Promise<void> {
    this.#stopping = true
    for (const active of this.#active.values()) active.cancel.abort(interruption())
    await Promise.all([...this.#active.values()].map(active => active.ended))
  }

  async #execute(job: Job, run: Run, signal: AbortSignal): Promise<void> {
    const { runs, slots, contextFor, around, listener, onError } = this.#options
    const journal = new RunJournal(run, runs, listener)
    try {
      const release = await slots.acquire(['servers'], signal)
      try {
        await around(journal, async () => replicate(await contextFor(job, journal), signal))
      } finally {
        release()
      }
    } catch (thrown) {
      // Nothing was made yet: the run was waiting, or neither vCenter nor AWS could be connected to.
      const failure = failureOf(thrown, journal.run, signal)
      await journal.end(outcomeOf(failure), { failure }).catch(onError)
    }
  }
}
