// The guard on production: a VM snapshot must never fill up a datastore, for that halts every VM on it.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Policy } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { isFault } from './faults.ts'
import type { ReadOptions } from './properties.ts'
import type { VcenterSession } from './session.ts'
import { type Datastore, datastoresOf } from './storage-and-hosts.ts'
import { reference } from './vim.ts'

/** What must be left free: the larger of both. */
export type DatastoreFloor = Policy['datastoreFloor']

export interface LowDatastore {
  name: string
  freeBytes: number
  capacityBytes: number
  /** The floor of this datastore. */
  neededBytes: number
}

/** The first of the datastores that has less free than the floor. What vCenter cannot reach tells no figures, and is passed over. */
export function lowDatastore(datastores: readonly Datastore[], floor: DatastoreFloor): LowDatastore | undefined {
  for (const { name, freeBytes, capacityBytes, accessible } of datastores) {
    const neededBytes = Math.max(floor.bytes, Math.ceil((capacityBytes * floor.percent) / 100))
    if (accessible && capacityBytes > 0 && freeBytes < neededBytes)
      return { name, freeBytes, capacityBytes, neededBytes }
  }
  return undefined
}

/**
 * Looks at the datastores that a snapshot of the server grows in, with figures of this moment: by itself, vCenter asks
 * its hosts for them only every few minutes.
 */
export async function findLowDatastore(
  session: VcenterSession,
  { serverMoref, floor, ...options }: ReadOptions & { serverMoref: string; floor: DatastoreFloor },
): Promise<LowDatastore | undefined> {
  const known = await datastoresOf(session, { serverMoref, ...options })
  await Promise.all(known.map(datastore => refresh(session, datastore, options)))
  return lowDatastore(await datastoresOf(session, { serverMoref, ...options }), floor)
}

/** Datastore.RefreshDatastore: needs no privilege beyond reading. */
async function refresh(session: VcenterSession, { moref }: Datastore, options: ReadOptions): Promise<void> {
  try {
    await session.call('RefreshDatastore', { _this: reference('Datastore', moref) }, options)
  } catch (error) {
    // A host that cannot tell now (HostConfigFault), or an account that may not ask: older figures are better than none.
    if (!isFault(error)) throw error
  }
}

export interface DatastoreGuard {
  serverMoref: string
  /** For messages. */
  serverName: string
  floor: DatastoreFloor
  signal: AbortSignal
}

/** Before a snapshot is made. Errors: DATASTORE_LOW. */
export async function assertDatastoresRoomy(session: VcenterSession, guard: DatastoreGuard): Promise<void> {
  const low = await findLowDatastore(session, guard)
  if (low) throw datastoreLow(guard.serverName, low)
}

export interface DatastoreWatch {
  /** Aborted with DATASTORE_LOW: the snapshot has to go at once. */
  low: AbortSignal
  stop(): void
}

/**
 * Looks now and then every `everyMs`, until `stop` or the signal. When vCenter does not answer, the next look may: it is
 * told to `onTrouble`, with the number of failures in a row, and never thrown.
 * @param open gives the session, when there is one
 */
export function watchDatastores(
  open: () => Promise<VcenterSession>,
  {
    everyMs,
    onTrouble,
    ...guard
  }: DatastoreGuard & { everyMs: number; onTrouble?: (error: unknown, failures: number) => void },
): DatastoreWatch {
  const low = new AbortController()
  const stopped = new AbortController()
  const signal = AbortSignal.any([guard.signal, stopped.signal])
  const watch = async () => {
    for (let failures = 0; !signal.aborted; ) {
      try {
        const found = await findLowDatastore(await open(), { ...guard, signal })
        failures = 0
        if (found) return low.abort(datastoreLow(guard.serverName, found))
      } catch (error) {
        if (signal.aborted) return
        failures += 1
        onTrouble?.(error, failures)
      }
      // Rejected only by the signal, at which the loop ends.
      await sleep(everyMs, undefined, { signal, ref: false }).catch(() => undefined)
    }
  }
  void watch()
  return { low: low.signal, stop: () => stopped.abort() }
}

function datastoreLow(serverName: string, low: LowDatastore): ApplianceError {
  const { name, freeBytes, capacityBytes, neededBytes } = low
  return new ApplianceError(
    'DATASTORE_LOW',
    `Datastore ${name} of ${serverName} has ${gibibytes(freeBytes)} free of ${gibibytes(capacityBytes)}: less than the floor of ${gibibytes(neededBytes)}`,
    {
      hint: 'Free space on the datastore, move the server to another one, or lower the floor in the policy. No snapshot of ours is left open meanwhile.',
    },
  )
}

function gibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`
}
