// How much may go on at once: counted slots by name, granted by priority and age, fewer when the other side pushes back.

/** Caps that protect vCenter, its hosts and AWS. Sources: VMware's NFC limits (32-48 MB of buffers a host, 52 connections a vCenter), SMS's 50 servers. */
export interface Caps {
  /** Servers in replication at once. */
  servers: number
  /** Disks read at once through the vCenter, by all runs. */
  disks: number
  /** Disks read at once from one ESXi host. */
  disksPerHost: number
  /** Servers with an open VM snapshot at once on one datastore: what they write meanwhile fills it. */
  snapshotsPerDatastore: number
  /** Import tasks at once in the Region: AWS allows 5 to 20 (adjustable), so the low end. */
  imports: number
}

export const defaultCaps: Caps = {
  servers: 50,
  disks: 52,
  disksPerHost: 8,
  snapshotsPerDatastore: 15,
  imports: 5,
}

export type Release = () => void

/** A final sync has people waiting in a maintenance window; a first run makes the delta possible. */
export type Priority = 'final' | 'first' | 'delta'

/** How much later than its arrival a waiter counts as come, milliseconds: so an old one comes before a new one of higher priority. */
const waitBehindMs: Record<Priority, number> = { final: 0, first: 30 * 60_000, delta: 60 * 60_000 }
/**
 * Whoever needs several slots may find one taken each time another is free. After this long, milliseconds, the first of
 * those keeps what is free for itself: only one does, as it leaves slots idle.
 */
const reserveAfterMs = 10 * 60_000
/** Many requests fail together: for so long they count as one push, milliseconds. */
const onePushMs = 10_000
/** Without a push for so long, milliseconds, one more is tried. */
const quietMs = 60_000

/** Time that nobody can set, and one-shot timers that keep no process alive; replaced in tests. */
export interface SlotClock {
  nowMs(): number
  after(ms: number, call: () => void): () => void
}

/** One name's figures. */
export interface SlotState {
  name: string
  /** Slots that may be taken now; never more than `cap`. Those taken before it sank are kept. */
  limit: number
  cap: number
  taken: number
  waiting: number
}

interface Waiter {
  names: readonly string[]
  arrivedMs: number
  countsFromMs: number
  grant: () => void
}

/** Slots of a name that are not given, since somebody pushed back. */
interface Reduction {
  limit: number
  pushedMs: number
  /** Last change, up or down. */
  changedMs: number
}

/** Counting semaphores that are taken together: a caller holds all the slots it named, or waits. */
export class Slots {
  readonly #caps: (name: string) => number
  readonly #clock: SlotClock
  readonly #shown: readonly string[]
  readonly #taken = new Map<string, number>()
  readonly #reduced = new Map<string, Reduction>()
  /** In the order in which they are granted. */
  readonly #waiting: Waiter[] = []
  #cancelTimer: (() => void) | undefined

  /**
   * @param caps how many may hold the slot of this name at once
   * @param shown names that the snapshot always has
   */
  constructor(caps: (name: string) => number, clock: SlotClock = systemClock, shown: readonly string[] = []) {
    this.#caps = caps
    this.#clock = clock
    this.#shown = shown
  }

  /** Waits for one slot of every name. Rejects with the signal's reason when it is aborted first. */
  async acquire(
    names: readonly string[],
    signal: AbortSignal,
    { priority = 'delta' }: { priority?: Priority } = {},
  ): Promise<Release> {
    signal.throwIfAborted()
    const wanted = [...new Set(names)]
    for (const name of wanted) this.#caps(name)
    const granted = Promise.withResolvers<void>()
    const arrivedMs = this.#clock.nowMs()
    const countsFromMs = arrivedMs + waitBehindMs[priority]
    const waiter: Waiter = { names: wanted, arrivedMs, countsFromMs, grant: granted.resolve }
    const onAbort = () => {
      const place = this.#waiting.indexOf(waiter)
      if (place < 0) return
      this.#waiting.splice(place, 1)
      granted.reject(signal.reason)
      this.#grantWaiting()
    }
    signal.addEventListener('abort', onAbort, { once: true })
    const behind = this.#waiting.findLastIndex(other => other.countsFromMs <= countsFromMs)
    this.#waiting.splice(behind + 1, 0, waiter)
    this.#grantWaiting()
    await granted.promise.finally(() => signal.removeEventListener('abort', onAbort))
    let held = true
    return () => {
      if (!held) return
      held = false
      for (const name of wanted) this.#add(name, -1)
      this.#grantWaiting()
    }
  }

  /** Whoever serves this name says that it is too much: from now on half of what goes on, at least one. */
  pushBack(name: string): void {
    const nowMs = this.#clock.nowMs()
    const limit = this.#limit(name)
    const pushedMs = this.#reduced.get(name)?.pushedMs
    if (pushedMs !== undefined && nowMs - pushedMs < onePushMs) return
    const going = Math.min(limit, this.#taken.get(name) ?? 0)
    this.#reduced.set(name, { limit: Math.max(1, Math.floor(going / 2)), pushedMs: nowMs, changedMs: nowMs })
  }

  /** How things stand, for metrics. */
  snapshot(): SlotState[] {
    const waiting = new Map<string, number>()
    for (const { names } of this.#waiting) for (const name of names) waiting.set(name, (waiting.get(name) ?? 0) + 1)
    const names = new Set([...this.#shown, ...this.#taken.keys(), ...waiting.keys(), ...this.#reduced.keys()])
    return [...names].sort().map(name => ({
      name,
      limit: this.#limit(name),
      cap: this.#caps(name),
      taken: this.#taken.get(name) ?? 0,
      waiting: waiting.get(name) ?? 0,
    }))
  }

  /** Grants in order; a waiter for a full host does not hold up those behind it that need another host. */
  #grantWaiting(): void {
    const nowMs = this.#clock.nowMs()
    for (const name of [...this.#reduced.keys()]) this.#limit(name)
    let reserved: readonly string[] | undefined
    for (const waiter of [...this.#waiting]) {
      const free = (name: string) =>
        this.#limit(name) - (this.#taken.get(name) ?? 0) - (reserved?.includes(name) ? 1 : 0) > 0
      if (waiter.names.every(free)) {
        for (const name of waiter.names) this.#add(name, 1)
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
        waiter.grant()
      } else if (nowMs - waiter.arrivedMs >= reserveAfterMs) reserved ??= waiter.names
    }
    this.#lookAgain(nowMs)
  }

  /** Holders may keep their slots for hours: a limit that rises meanwhile must be noticed without them. */
  #lookAgain(nowMs: number): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    if (this.#waiting.length === 0 || this.#reduced.size === 0) return
    const firstMs = Math.min(...[...this.#reduced.values()].map(({ changedMs }) => changedMs + quietMs))
    this.#cancelTimer = this.#clock.after(firstMs - nowMs, () => this.#grantWaiting())
  }

  /** The present limit, with what quiet has brought back. */
  #limit(name: string): number {
    const cap = this.#caps(name)
    const reduction = this.#reduced.get(name)
    if (!reduction) return cap
    const steps = Math.floor((this.#clock.nowMs() - reduction.changedMs) / quietMs)
    if (steps > 0) {
      reduction.changedMs += steps * quietMs
      this.#raise(name, reduction.limit + steps)
    }
    return Math.min(cap, this.#reduced.get(name)?.limit ?? cap)
  }

  #raise(name: string, limit: number): void {
    const reduction = this.#reduced.get(name)
    if (!reduction) return
    reduction.limit = limit
    if (limit >= this.#caps(name)) this.#reduced.delete(name)
  }

  #add(name: string, count: number): void {
    const taken = (this.#taken.get(name) ?? 0) + count
    if (taken === 0) this.#taken.delete(name)
    else this.#taken.set(name, taken)
  }
}

/** The slots of the connector, named `servers`, `disks`, `host:<moref>`, `datastore:<name>` and `imports`. */
export function connectorSlots(caps: Caps = defaultCaps, clock: SlotClock = systemClock): Slots {
  const cap = (name: string) => {
    if (name.startsWith('host:')) return caps.disksPerHost
    if (name.startsWith('datastore:')) return caps.snapshotsPerDatastore
    if (name === 'servers' || name === 'disks' || name === 'imports') return caps[name]
    throw new RangeError(`There is no slot called ${name}`)
  }
  return new Slots(cap, clock, ['servers', 'disks', 'imports'])
}

const systemClock: SlotClock = {
  nowMs: () => performance.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms).unref()
    return () => clearTimeout(timer)
  },
}
