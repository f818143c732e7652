// General Health: the table of checks, run on a schedule and on demand, one round at a time, told as it goes.
import { type Check, type CheckGroup, type CheckResult, runCheck } from './check.ts'

export interface HealthOptions {
  checks: readonly Check[]
  /** Told of each check that begins or ends. */
  publish(result: CheckResult): void
  now(): Date
  onError(thrown: unknown): void
  /** Between the end of one round and the next, milliseconds; 0: a round is run only when somebody asks. */
  everyMs?: number
}

export interface HealthView {
  checks: CheckResult[]
  /** End of the last whole round; absent before the first. */
  at?: string
  running: boolean
}

const everyTenMinutes = 10 * 60_000
/** Between two times that failing checks are asked again because something works: it costs the other side something. */
const againEveryMs = 30_000
/** Checks at once: they mostly wait, and two of them read whole inventories. */
const concurrency = 4

export class Health {
  readonly #options: HealthOptions
  readonly #results = new Map<string, CheckResult>()
  readonly #stopping = new AbortController()
  #round: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #at: string | undefined
  readonly #again = new Set<CheckGroup>()
  #asking: Promise<void> | undefined
  #againTimer: NodeJS.Timeout | undefined
  #againAtMs = Number.NEGATIVE_INFINITY

  constructor(options: HealthOptions) {
    this.#options = options
    for (const { id, group, title } of options.checks) this.#results.set(id, { id, group, title, state: 'notStarted' })
  }

  /** The first round begins at once. */
  start(): void {
    if (this.#options.everyMs !== 0) this.#begin(check => this.#isDue(check))
  }

  /** Gives up the round under way. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the appliance stops'))
    clearTimeout(this.#timer)
    clearTimeout(this.#againTimer)
    await Promise.all([this.#round, this.#asking])
  }

  view(): HealthView {
    const at = this.#at
    return {
      checks: [...this.#results.values()],
      ...(at === undefined ? {} : { at }),
      running: (this.#round ?? this.#asking) !== undefined,
    }
  }

  /** Begins a round unless one is under way, which is joined. Never throws. */
  run(): { started: boolean; done: Promise<void> } {
    return this.#begin(() => true)
  }

  /**
   * Something has just worked with these sides: their checks that fail are asked again, soon but not often, and without
   * waiting for the next round.
   */
  askAgain(groups: readonly CheckGroup[]): void {
    for (const group of groups) this.#again.add(group)
    if (this.#againTimer || this.#stopping.signal.aborted) return
    const waitMs = this.#againAtMs + againEveryMs - this.#options.now().getTime()
    this.#againTimer = setTimeout(() => void this.#askFailing(), Math.min(againEveryMs, Math.max(0, waitMs)))
    this.#againTimer.unref()
  }

  async #askFailing(): Promise<void> {
    // What a round under way finds is not known yet.
    await this.#round
    this.#againTimer = undefined
    const groups = new Set(this.#again)
    this.#again.clear()
    const fails = ({ id, group }: Check) =>
      groups.has(group) && ['error', 'warning'].includes(this.#results.get(id)?.state ?? '')
    const checks = this.#options.checks.filter(fails)
    if (checks.length === 0 || this.#stopping.signal.aborted || this.#round) return
    this.#againAtMs = this.#options.now().getTime()
    // Not a round: one that is begun meanwhile asks all of them, and the next is planned by its end.
    this.#asking = this.#ask(checks).finally(() => {
      this.#asking = undefined
    })
    await this.#asking
  }

  #begin(wanted: (check: Check) => boolean): { started: boolean; done: Promise<void> } {
    if (this.#round) return { started: false, done: this.#round }
    clearTimeout(this.#timer)
    const round = this.#runAll(this.#options.checks.filter(wanted)).finally(() => {
      this.#round = undefined
      if (this.#stopping.signal.aborted || this.#options.everyMs === 0) return
      this.#timer = setTimeout(() => this.start(), this.#options.everyMs ?? everyTenMinutes)
      this.#timer.unref()
    })
    this.#round = round
    return { started: true, done: round }
  }

  #isDue({ id, everyMs = 0 }: Check): boolean {
    const at = this.#results.get(id)?.at
    return at === undefined || this.#options.now().getTime() - Date.parse(at) >= everyMs
  }

  async #runAll(checks: readonly Check[]): Promise<void> {
    await this.#ask(checks)
    if (!this.#stopping.signal.aborted) this.#at = this.#options.now().toISOString()
  }

  async #ask(checks: readonly Check[]): Promise<void> {
    const { now, onError } = this.#options
    const { signal } = this.#stopping
    const waiting = [...checks]
    const worker = async () => {
      for (let check = waiting.shift(); check && !signal.aborted; check = waiting.shift()) {
        this.#keep({ ...this.#identityOf(check), state: 'inProgress' })
        this.#keep(await runCheck(check, { signal, now, onError }))
      }
    }
    await Promise.all(Array.from({ length: concurrency }, worker))
  }

  /** While a check is asked again its last time stays, so that a page can say from when the last answer was. */
  #identityOf({ id, group, title }: Check): Pick<CheckResult, 'id' | 'group' | 'title' | 'at'> {
    const at = this.#results.get(id)?.at
    return { id, group, title, ...(at === undefined ? {} : { at }) }
  }

  #keep(result: CheckResult): void {
    this.#results.set(result.id, result)
    // A reader that fails must not end the round.
    try {
      this.#options.publish(result)
    } catch (thrown) {
      this.#options.onError(thrown)
    }
  }
}
