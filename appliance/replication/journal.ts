// What is written down while a run goes on: its state in the store, its progress for whoever watches.
import type { Finding, Run, RunDisk, RunOutcome, RunStage, RunState } from '../domain.ts'
import type { RunRepository } from '../store/runs.ts'
import { transition } from './states.ts'

/** Progress of bytes is stored at most this often; every other change is stored at once. */
const progressStoreMs = 1000

/** Told of every change of a run, bytes included. */
export type RunListener = (run: Run) => void

/** The one writer of a run. Stages and effects reach the disk before the run goes on; bytes follow once a second. */
export class RunJournal {
  readonly #runs: RunRepository
  readonly #listener: RunListener
  #run: Run
  #writing: Promise<void> = Promise.resolve()
  #storedAtMs = 0

  constructor(run: Run, runs: RunRepository, listener: RunListener) {
    this.#run = run
    this.#runs = runs
    this.#listener = listener
  }

  get run(): Readonly<Run> {
    return this.#run
  }

  /** Enters the next stage. @throws {ApplianceError} INTERNAL when the table of states forbids it */
  async enter(stage: RunStage): Promise<void> {
    const startedAt = this.#run.startedAt ?? new Date().toISOString()
    await this.#move(transition(this.#run.state, stage), { startedAt })
  }

  /** Ends the run, once. */
  async end(outcome: RunOutcome, last: Partial<Run> = {}): Promise<void> {
    await this.#move(transition(this.#run.state, outcome), { ...last, endedAt: new Date().toISOString() })
  }

  /** A state that the store did not take is not entered: a run whose success could not be written can still fail. */
  async #move(state: RunState, facts: Partial<Run>): Promise<void> {
    const before = this.#run
    try {
      await this.record({ ...facts, state })
    } catch (error) {
      const { endedAt: _never, ...rest } = this.#run
      this.#run = { ...rest, state: before.state }
      throw error
    }
  }

  /** Records facts of the run, durable when the promise resolves. */
  async record(facts: Partial<Run>): Promise<void> {
    this.#run = { ...this.#run, ...facts }
    await this.#store()
  }

  /** The VM snapshot is gone from vCenter. */
  async recordSnapshotRemoved(): Promise<void> {
    const { vmSnapshotMoref: _gone, ...rest } = this.#run
    this.#run = rest
    await this.#store()
  }

  /** Records facts of one disk, durable when the promise resolves. */
  async recordDisk(key: number, facts: Partial<RunDisk>): Promise<void> {
    this.#changeDisk(key, facts)
    await this.#store()
  }

  /** Notes how far one disk is; stored with the next write or within about a second. */
  progressDisk(key: number, facts: Pick<Partial<RunDisk>, 'readBytes' | 'uploadedBytes' | 'importStatus'>): void {
    this.#changeDisk(key, facts)
    this.#storeSoon()
  }

  /** Notes how far the image is; stored with the next write or within about a second. */
  progress(facts: Pick<Partial<Run>, 'imageStatus'>): void {
    this.#run = { ...this.#run, ...facts }
    this.#storeSoon()
  }

  async warn(finding: Finding): Promise<void> {
    await this.record({ warnings: [...this.#run.warnings, finding] })
  }

  /** Counts a request that had to be repeated. */
  retried(cause: string): void {
    this.#run = { ...this.#run, retries: { ...this.#run.retries, [cause]: (this.#run.retries[cause] ?? 0) + 1 } }
    this.#listener(this.#run)
  }

  #changeDisk(key: number, facts: Partial<RunDisk>): void {
    this.#run = { ...this.#run, disks: this.#run.disks.map(disk => (disk.key === key ? { ...disk, ...facts } : disk)) }
  }

  #storeSoon(): void {
    if (Date.now() - this.#storedAtMs < progressStoreMs) this.#listener(this.#run)
    // A failure is not lost: if it lasts, the next write that is awaited meets it too; if not, that write holds everything.
    else this.#store().catch(() => undefined)
  }

  /** Writes follow each other, so that an older state never overwrites a newer one. */
  #store(): Promise<void> {
    this.#storedAtMs = Date.now()
    const snapshot = this.#run
    this.#listener(snapshot)
    const writing = this.#writing.then(() => this.#runs.save(snapshot))
    // Each write holds the whole run: one that failed must not fail those behind it, or a run could never end.
    this.#writing = writing.catch(() => undefined)
    return writing
  }
}
