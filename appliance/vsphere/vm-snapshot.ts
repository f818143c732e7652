// VM snapshots: made for a run, read for what they froze, and removed whatever happens.

import type { ServerDisk, ServerSnapshot } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { consolidateDisks, consolidationTimeoutMs } from './consolidation.ts'
import { asCode, isFault } from './faults.ts'
import { snapshotsOf } from './inventory.ts'
import { readObject } from './properties.ts'
import type { VcenterSession } from './session.ts'
import { pause, returnedReference, waitForTask } from './task.ts'
import { reference } from './vim.ts'
import { disksOf } from './virtual-devices.ts'
import { children, type XmlElement } from './xml.ts'

export interface SnapshotRequest {
  /** The VM. */
  serverMoref: string
  /** For messages; the moref if absent. */
  serverName?: string
  /** Of this run alone: after a failure without an answer, the snapshot of this name is looked for and removed. */
  name: string
  description: string
  /** Ask VMware Tools to bring the guest's file systems to rest. */
  quiesce: boolean
  signal: AbortSignal
  /**
   * Told as soon as vCenter has named the snapshot, before its disks are read: what is stored here can be removed after a
   * crash.
   */
  onCreated?: (moref: string) => void | Promise<void>
}

/** What a snapshot froze: the disks with the files, sizes and tracking ids of that moment. */
export interface VmSnapshot {
  moref: string
  disks: ServerDisk[]
}

/** Long enough for a guest with large caches to flush: vCenter's own limit for quiescing is 15 minutes. */
const settleTimeoutMs = 20 * 60_000
/** For removing what a failed creation left behind: its delta is as young as it can be. */
const discardTimeoutMs = 10 * 60_000

/**
 * Creates a snapshot without memory and reads what it froze. If the signal ends the wait, or the disks cannot be read,
 * the snapshot is removed before the error is thrown, except when vCenter cannot be reached any more:
 * `findVmSnapshots` finds it later by its name.
 * Errors: DATASTORE_FULL, QUIESCE_FAILED (only with `quiesce`), SERVER_BUSY, SERVER_GONE, SNAPSHOT_FAILED,
 * VCENTER_PERMISSION_MISSING (names the privilege).
 */
export async function createVmSnapshot(session: VcenterSession, request: SnapshotRequest): Promise<VmSnapshot> {
  const { serverMoref, serverName = serverMoref, name, description, quiesce, signal } = request
  const doing = `Creating a snapshot of ${serverName}`
  const vm = reference('VirtualMachine', serverMoref)
  signal.throwIfAborted()
  let moref: string | undefined
  try {
    // Not the caller's signal: once the request is out, vCenter makes the snapshot whether we listen or not.
    const answer = await session.call('CreateSnapshot_Task', { _this: vm, name, description, memory: false, quiesce })
    const settled = AbortSignal.timeout(settleTimeoutMs)
    const result = await waitForTask(session, returnedReference(answer, 'Task'), { doing, signal: settled })
    moref = result?.text ?? ''
    await request.onCreated?.(moref)
    signal.throwIfAborted()
    return { moref, disks: await readSnapshotDisks(session, moref, { signal }) }
  } catch (error) {
    // A fault says that there is no snapshot; after anything else (no answer, no end of the task) there may be one.
    if (moref !== undefined || !isFault(error)) await discard(session, request, moref, error)
    throw explain(error, request)
  }
}

/** Removes what a failed creation left. A second failure is told with the first, which it must not hide. */
async function discard(
  session: VcenterSession,
  { serverMoref, serverName = serverMoref, name }: SnapshotRequest,
  moref: string | undefined,
  first: unknown,
): Promise<void> {
  const signal = AbortSignal.timeout(discardTimeoutMs)
  try {
    const left = moref ?? (await findVmSnapshots(session, { serverMoref, name, signal })).at(-1)?.moref
    if (left) await removeVmSnapshot(session, { snapshotMoref: left, serverMoref, serverName, signal })
  } catch (second) {
    if (first instanceof Error && first.cause === undefined) first.cause = second
  }
}

function explain(error: unknown, { quiesce, serverMoref, serverName = serverMoref }: SnapshotRequest): unknown {
  if (isFault(error, 'ManagedObjectNotFound')) {
    const hint = 'It was deleted or registered anew: import the catalog again.'
    return asCode(error, 'SERVER_GONE', hint, `The server ${serverName} is not in vCenter any more`)
  }
  // Hosts report a guest that could not be frozen as a plain SnapshotFault or GenericVmConfigFault too. [M]
  const aboutQuiescing = isFault(error) && /quiesc|freez/i.test(error.message)
  if (quiesce && aboutQuiescing && error.code !== 'QUIESCE_FAILED') {
    return asCode(error, 'QUIESCE_FAILED', "Look at the guest's VSS writers or freeze scripts, or do not quiesce.")
  }
  return error
}

/** The disks as the snapshot froze them: with the sizes, files and changeIds of that moment. */
export async function readSnapshotDisks(
  session: VcenterSession,
  snapshotMoref: string,
  { signal }: { signal?: AbortSignal } = {},
): Promise<ServerDisk[]> {
  return disksOf(await readSnapshotDevices(session, snapshotMoref, signal ? { signal } : {}))
}

/** All virtual hardware in a snapshot's configuration. */
export async function readSnapshotDevices(
  session: VcenterSession,
  snapshotMoref: string,
  options: { signal?: AbortSignal } = {},
): Promise<XmlElement[]> {
  const path = 'config.hardware.device'
  const snapshot = await readObject(session, reference('VirtualMachineSnapshot', snapshotMoref), [path], options)
  return children(snapshot.properties.get(path), 'VirtualDevice')
}

export interface SnapshotRemoval {
  snapshotMoref: string
  serverMoref: string
  serverName?: string
  /** Its own: a removal must go on when the run's signal has ended. Default: a long time-out. */
  signal?: AbortSignal
  /** How long a vCenter that is away, or a server that is busy, is asked again; absent: once. */
  patience?: { forMs: number; signal?: AbortSignal }
}

/** Pause between two attempts of a removal. */
const removalPauseMs = 5_000

/**
 * Removes a snapshot without its children and consolidates what it leaves. Already gone, alone or with its VM, is fine.
 * Errors: SERVER_BUSY, SNAPSHOT_FAILED (also when the disks still need consolidation), VCENTER_PERMISSION_MISSING.
 */
export async function removeVmSnapshot(session: VcenterSession, removal: SnapshotRemoval): Promise<void> {
  const { patience, signal = AbortSignal.timeout(consolidationTimeoutMs) } = removal
  const startedAtMs = performance.now()
  for (;;) {
    try {
      return await removeOnce(session, removal, signal)
    } catch (error) {
      const mayWait = patience !== undefined && performance.now() - startedAtMs < patience.forMs
      if (!mayWait || !mayPass(error) || patience.signal?.aborted) throw error
      session.soap.retries += 1
      await pause(removalPauseMs, patience.signal ? AbortSignal.any([signal, patience.signal]) : signal).catch(() => {
        throw error
      })
    }
  }
}

/** Backups and migrations hold a server for minutes, and vCenter's services restart in about ten. */
function mayPass(error: unknown): boolean {
  return error instanceof ApplianceError && (error.code === 'SERVER_BUSY' || error.code === 'VCENTER_UNREACHABLE')
}

async function removeOnce(session: VcenterSession, removal: SnapshotRemoval, signal: AbortSignal): Promise<void> {
  const { snapshotMoref, serverMoref, serverName = serverMoref } = removal
  const doing = `Removing the snapshot ${snapshotMoref} of ${serverName}`
  try {
    const answer = await session.call(
      'RemoveSnapshot_Task',
      { _this: reference('VirtualMachineSnapshot', snapshotMoref), removeChildren: false, consolidate: true },
      { signal },
    )
    await waitForTask(session, returnedReference(answer, 'Task'), { doing, signal })
  } catch (error) {
    if (!isFault(error, 'ManagedObjectNotFound')) throw error
  }
  await consolidateDisks(session, { serverMoref, serverName, signal })
}

/**
 * The snapshots of a server, newest last; with `name`, those that are called exactly so. A server that is gone has none.
 */
export async function findVmSnapshots(
  session: VcenterSession,
  { serverMoref, name, signal }: { serverMoref: string; name?: string; signal?: AbortSignal },
): Promise<ServerSnapshot[]> {
  try {
    const vm = reference('VirtualMachine', serverMoref)
    const seen = await readObject(session, vm, ['snapshot'], signal ? { signal } : {})
    const found = snapshotsOf(seen.properties.get('snapshot'))
    return name === undefined ? found : found.filter(snapshot => snapshot.name === name)
  } catch (error) {
    if (isFault(error, 'ManagedObjectNotFound')) return []
    throw error
  }
}
