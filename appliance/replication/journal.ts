// What is written down while a run goes on: its state in the store, its progress for whoever watches.
import type { Finding, HeldUp, Run, RunDisk, RunOutcome, RunStage, RunState, StepKind, StepPhase } from '../domain.ts'
import { oneAtATime } from '../one-at-a-time.ts'
import type { RunRepository } from '../store/runs.ts'
import { stepTransition, transition } from './states.ts'

/** Progress of bytes is stored at most this often; every other change is stored at once. */
const progressStoreMs = 1000

/** Told of every change of a run, bytes included. */
export type RunListener = (run: Run) => void

/** The one writer of a run. Stages and effects reach the disk before the run goes on; bytes follow once a second. */
export class RunJournal {
  readonly #runs: RunRepository
  readonly #listener: RunListener
  #run: Run
  readonly #inTurn = oneAtATime()
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

  /** Ends the run, once; what only a run under way needs is forgotten. */
  async end(outcome: RunOutcome, last: Partial<Run> = {}): Promise<void> {
    const before = this.#run
    const { setback: _over, heldUp: _counted, server: _served, ...rest } = before
    this.#run = rest
    try {
      await this.#move(transition(before.state, outcome), { ...last, endedAt: new Date().toISOString() })
    } catch (error) {
      this.#run = before
      throw error
    }
  }

  /** A state that the store did not take is not entered: a run whose success could not be written can still fail. */
  async #move(state: RunState, facts: Partial<Run>): Promise<void> {
    const { state: before } = this.#run
    try {
      await this.record({ ...facts, state })
    } catch (error) {
      this.#run = { ...this.#run, state: before }
      throw error
    }
  }

  /** Records facts of the run, durable when the promise resolves. */
  async record(facts: Partial<Run>): Promise<void> {
    this.#run = { ...this.#run, ...facts }
    await this.#store()
  }

  /** How far a step of the whole server is; undefined before it was begun. */
  phase(kind: StepKind, diskKey?: number): StepPhase | undefined {
    return this.#run.steps.find(step => step.kind === kind && step.diskKey === diskKey)?.phase
  }

  /** Brings a step of the whole server into a phase, with the facts that belong to it: durable, in one write. */
  async step(kind: StepKind, phase: StepPhase, facts: Partial<Run> = {}): Promise<void> {
    this.#enterPhase(kind, phase)
    await this.record(facts)
  }

  /** Brings a step of one disk into a phase, with the facts that belong to it: durable, in one write. */
  async diskStep(diskKey: number, kind: StepKind, phase: StepPhase, facts: Partial<RunDisk> = {}): Promise<void> {
    this.#enterPhase(kind, phase, diskKey)
    await this.recordDisk(diskKey, facts)
  }

  /** The VM snapshot is gone from vCenter, and its disks are consolidated. */
  async proveSnapshotRemoved(): Promise<void> {
    this.#enterPhase('vmSnapshot', 'proven')
    const { vmSnapshotMoref: _gone, ...rest } = this.#run
    this.#run = rest
    await this.#store()
  }

  /** What held the run up has passed. */
  async recordGoingOn(heldUp: HeldUp): Promise<void> {
    const { setback, ...rest } = this.#run
    // A setback was counted when it came; a restart of the appliance is counted here.
    const counted = setback ? {} : { heldUp }
    this.#run = { ...rest, ...counted, resumptions: rest.resumptions + 1 }
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

  #enterPhase(kind: StepKind, to: StepPhase, diskKey?: number): void {
    const phase = stepTransition(kind, this.phase(kind, diskKey) ?? 'none', to)
    const step = { kind, ...(diskKey === undefined ? {} : { diskKey }), phase, at: new Date().toISOString() }
    const steps = [...this.#run.steps]
    const place = steps.findIndex(known => known.kind === kind && known.diskKey === diskKey)
    if (place < 0) steps.push(step)
    else steps[place] = step
    this.#run = { ...this.#run, steps }
  }

  #changeDisk(key: number, facts: Partial<RunDisk>): void {
    this.#run = { ...this.#run, disks: this.#run.disks.map(disk => (disk.key === key ? { ...disk, ...facts } : disk)) }
  }

  #storeSoon(): void {
    if (Date.now() - this.#storedAtMs < progressStoreMs) this.#listener(this.#run)
    // A failure is not lost: if it lasts, the next write that is awaited meets it too; if not, that write holds everything.
    else this.#store('progress').catch(() => undefined)
  }

  /** Writes follow each other, so that an older state never overwrites a newer one. */
  #store(what: 'facts' | 'progress' = 'facts'): Promise<void> {
    this.#storedAtMs = Date.now()
    const snapshot = this.#run
    this.#listener(snapshot)
    const write = () => (what === 'facts' ? this.#runs.save(snapshot) : this.#runs.saveProgress(snapshot))
    // Each write holds the whole run: one that failed does not fail those behind it, or a run could never end.
    return this.#inTurn(write)
  }
}
