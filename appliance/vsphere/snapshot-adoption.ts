// A run that goes on after a restart finds the VM snapshot again that it had asked for.

import { isFault } from './faults.ts'
import { type ReadOptions, readRelated, textOf } from './properties.ts'
import type { VcenterSession } from './session.ts'
import { pause, pauses } from './task.ts'
import { reference } from './vim.ts'
import { findVmSnapshots, readSnapshotDisks, type VmSnapshot } from './vm-snapshot.ts'

export interface AdoptionRequest {
  serverMoref: string
  /** Exactly: `vmSnapshotName` of the run. */
  name: string
  /** The snapshot that the run has read from so far, if it knows: it goes before a newer one of the name. */
  moref?: string
  signal: AbortSignal
}

/**
 * The snapshot of that name with the disks as it froze them; the newest, if there are several (a request was sent twice)
 * and none is asked for by moref. If there is none, but vCenter is still making one of the server, it is waited for.
 * Compare the moref with the one that was read from before the restart: another one holds other bytes. Others of the name
 * are left to whoever removes the run's snapshots by name.
 */
export async function adoptVmSnapshot(
  session: VcenterSession,
  { serverMoref, name, moref, signal }: AdoptionRequest,
): Promise<VmSnapshot | undefined> {
  for (const pauseMs of pauses()) {
    // In this order: what ends in between is found, and what is neither running nor found will not come.
    const underWay = await snapshotTaskRunning(session, { serverMoref, signal })
    const found = (await findVmSnapshots(session, { serverMoref, name, signal })).sort(byAge)
    const adopted = found.find(one => one.moref === moref) ?? found.at(-1)
    if (adopted) {
      try {
        return { moref: adopted.moref, disks: await readSnapshotDisks(session, adopted.moref, { signal }) }
      } catch (error) {
        if (!isFault(error, 'ManagedObjectNotFound')) throw error
        // Removed since it was listed: look again.
      }
    } else if (!underWay) {
      return undefined
    }
    await pause(pauseMs, signal)
  }
  return undefined
}

function byAge(a: { createdAt: string }, b: { createdAt: string }): number {
  return Date.parse(a.createdAt) - Date.parse(b.createdAt)
}

/**
 * Whether vCenter is making a snapshot of the server right now, ours or another's. Needs no privilege beyond reading.
 * A server that is gone has no tasks. Source: ManagedEntity.recentTask, TaskInfo.descriptionId.
 */
export async function snapshotTaskRunning(
  session: VcenterSession,
  { serverMoref, ...options }: ReadOptions & { serverMoref: string },
): Promise<boolean> {
  const wanted = { relation: 'recentTask', type: 'Task', relatedPaths: ['info.descriptionId', 'info.state'] }
  try {
    const { related } = await readRelated(session, reference('VirtualMachine', serverMoref), wanted, options)
    return related.some(
      task =>
        /^VirtualMachine\.createSnapshot(Ex)?$/.test(textOf(task, 'info.descriptionId') ?? '') &&
        /^(queued|running)$/.test(textOf(task, 'info.state') ?? ''),
    )
  } catch (error) {
    if (isFault(error, 'ManagedObjectNotFound')) return false
    throw error
  }
}
