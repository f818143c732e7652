// How much may go on at once: counted slots by name, granted first come, first served.

/** Caps that protect vCenter, its hosts and AWS. Sources: VMware's NFC limits (32-48 MB of buffers a host, 52 connections a vCenter), SMS's 50 servers. */
export interface Caps {
  /** Servers in replication at once. */
  servers: number
  /** Disks read at once, by all runs. */
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

interface Waiter {
  names: readonly string[]
  grant: () => void
}

/** Counting semaphores that are taken together: a caller holds all the slots it named, or waits. */
export class Slots {
  readonly #limits: (name: string) => number
  readonly #taken = new Map<string, number>()
  readonly #waiting: Waiter[] = []

  /** @param limits how many may hold the slot of this name at once */
  constructor(limits: (name: string) => number) {
    this.#limits = limits
  }

  /** Waits for one slot of every name. Rejects with the signal's reason when it is aborted first. */
  async acquire(names: readonly string[], signal: AbortSignal): Promise<Release> {
    signal.throwIfAborted()
    const granted = Promise.withResolvers<void>()
    const waiter: Waiter = { names, grant: granted.resolve }
    const onAbort = () => {
      const place = this.#waiting.indexOf(waiter)
      if (place < 0) return
      this.#waiting.splice(place, 1)
      granted.reject(signal.reason)
      this.#grantWaiting()
    }
    signal.addEventListener('abort', onAbort, { once: true })
    this.#waiting.push(waiter)
    this.#grantWaiting()
    await granted.promise.finally(() => signal.removeEventListener('abort', onAbort))
    let held = true
    return () => {
      if (!held) return
      held = false
      for (const name of names) this.#add(name, -1)
      this.#grantWaiting()
    }
  }

  /** Grants in order of arrival; a waiter for a full host does not hold up those behind it that need another host. */
  #grantWaiting(): void {
    for (const waiter of [...this.#waiting]) {
      if (!waiter.names.every(name => (this.#taken.get(name) ?? 0) < this.#limits(name))) continue
      for (const name of waiter.names) this.#add(name, 1)
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
      waiter.grant()
    }
  }

  #add(name: string, count: number): void {
    const taken = (this.#taken.get(name) ?? 0) + count
    if (taken === 0) this.#taken.delete(name)
    else this.#taken.set(name, taken)
  }
}

/** The slots of the connector, named `servers`, `disks`, `host:<moref>`, `datastore:<name>` and `imports`. */
export function connectorSlots(caps: Caps = defaultCaps): Slots {
  return new Slots(name => {
    if (name.startsWith('host:')) return caps.disksPerHost
    if (name.startsWith('datastore:')) return caps.snapshotsPerDatastore
    if (name === 'servers' || name === 'disks' || name === 'imports') return caps[name]
    throw new RangeError(`There is no slot called ${name}`)
  })
}
