// Consolidation: what a removed snapshot left in the chain of a disk is merged, for it grows until the datastore is full.

import { ApplianceError } from '../errors.ts'
import { asCode, isFault } from './faults.ts'
import { unescapeName } from './places.ts'
import { type ReadOptions, readInventory, readObject, textOf } from './properties.ts'
import type { VcenterSession } from './session.ts'
import { returnedReference, waitForTask } from './task.ts'
import { reference } from './vim.ts'
import { booleanAt } from './xml.ts'

/** Merging a large delta on slow storage takes hours; after that somebody has to look. */
export const consolidationTimeoutMs = 6 * 60 * 60_000
const neededPath = 'runtime.consolidationNeeded'
const pageSize = 500

export interface Consolidation {
  serverMoref: string
  serverName?: string
  /** Default: a long time-out. */
  signal?: AbortSignal
}

/**
 * Consolidates the disks of a server if vCenter says that they need it, and looks whether that has helped. A removed
 * snapshot can leave its delta files in the chain (locked by a backup proxy, say): they would grow until the datastore is
 * full. A server that is gone is fine.
 * Errors: SERVER_BUSY, SNAPSHOT_FAILED, VCENTER_PERMISSION_MISSING.
 */
export async function consolidateDisks(session: VcenterSession, consolidation: Consolidation): Promise<void> {
  const { serverMoref, serverName = serverMoref, signal = AbortSignal.timeout(consolidationTimeoutMs) } = consolidation
  const vm = reference('VirtualMachine', serverMoref)
  const doing = `Consolidating the disks of ${serverName}`
  const needed = async () => {
    const seen = await readObject(session, vm, [neededPath], { signal })
    return booleanAt(seen.properties.get(neededPath))
  }
  try {
    if (!(await needed())) return
    const answer = await session.call('ConsolidateVMDisks_Task', { _this: vm }, { signal })
    await waitForTask(session, returnedReference(answer, 'Task'), { doing, signal })
    if (!(await needed())) return
  } catch (error) {
    if (isFault(error, 'ManagedObjectNotFound')) return
    if (!isFault(error) || error.code !== 'VCENTER_FAULT') throw error
    throw asCode(error, 'SNAPSHOT_FAILED', consolidationHint)
  }
  throw new ApplianceError('SNAPSHOT_FAILED', `${doing} ended well, but vCenter says that they still need it`, {
    hint: consolidationHint,
  })
}

const consolidationHint = 'Consolidate the disks of this server in vCenter: until then its delta files grow.'

export interface ServerToConsolidate {
  serverMoref: string
  serverName: string
}

/**
 * Those of these servers whose disks vCenter says need consolidation: a snapshot of theirs was removed, but its files
 * still stand in the chain, and grow. One retrieval, however many they are.
 */
export async function findConsolidationNeeded(
  session: VcenterSession,
  { serverMorefs, ...options }: ReadOptions & { serverMorefs: Iterable<string> },
): Promise<ServerToConsolidate[]> {
  const asked = new Set(serverMorefs)
  if (asked.size === 0) return []
  const found: ServerToConsolidate[] = []
  for await (const page of readInventory(session, { VirtualMachine: ['name', neededPath] }, { ...options, pageSize })) {
    for (const vm of page) {
      if (!asked.has(vm.moref) || !booleanAt(vm.properties.get(neededPath))) continue
      found.push({ serverMoref: vm.moref, serverName: unescapeName(textOf(vm, 'name') ?? vm.moref) })
    }
  }
  return found
}
