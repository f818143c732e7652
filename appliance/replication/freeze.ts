// The server's disks at rest: the run's VM snapshot, taken, found again after a restart, and removed.
import type { Server } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { assertDatastoresRoomy } from '../vsphere/datastore-watch.ts'
import { findMarkedSnapshotsOf } from '../vsphere/marked-snapshots.ts'
import { adoptVmSnapshot, snapshotTaskRunning } from '../vsphere/snapshot-adoption.ts'
import { snapshotMark } from '../vsphere/snapshot-mark.ts'
import { createVmSnapshot, findVmSnapshots, removeVmSnapshot, type VmSnapshot } from '../vsphere/vm-snapshot.ts'
import type { RunContext } from './context.ts'

/** The snapshot that the run reads: the one that it has already, or a new one, after which every disk is read anew. */
export async function freeze(server: Server, context: RunContext, signal: AbortSignal): Promise<VmSnapshot> {
  const { journal, vcenter } = context
  const known = journal.run.vmSnapshotMoref
  const mine = journal.phase('vmSnapshot') && (await findMine(server, context, signal))
  if (mine && mine.moref === known) return mine
  // Disks that were read from another snapshot are of another moment.
  for (const { key } of journal.run.disks) {
    if (journal.phase('upload', key) === 'proven') await journal.diskStep(key, 'upload', 'intended')
  }
  if (mine) {
    await journal.step('vmSnapshot', 'effected', { vmSnapshotMoref: mine.moref })
    return mine
  }
  await assertDatastoresRoomy(await vcenter(), {
    serverMoref: server.moref,
    serverName: server.name,
    floor: context.policy().datastoreFloor,
    signal,
  })
  await removeForgotten(server, context, signal)
  await journal.step('vmSnapshot', 'intended')
  return await takeSnapshot(server, context, signal)
}

/** Ours of another run: as a server has one job, and a job one run, that run is over, and its snapshot only grows. */
async function removeForgotten(server: Server, context: RunContext, signal: AbortSignal): Promise<void> {
  const { ownership, log } = context
  const vcenter = await context.vcenter()
  const about = { serverMoref: server.moref, serverName: server.name, signal }
  for (const { snapshotMoref, runId } of await findMarkedSnapshotsOf(vcenter, { ...about, ...ownership })) {
    if (runId === ownership.runId) continue
    await removeVmSnapshot(vcenter, { ...about, snapshotMoref })
    log.warn({ snapshotMoref, ofRunId: runId }, 'VM snapshot of an earlier run removed')
  }
}

/** The run's snapshot of before a restart; one that vCenter is still making is waited for. Doubles of it go when it goes. */
async function findMine(
  server: Server,
  { journal, vcenter, ownership }: RunContext,
  signal: AbortSignal,
): Promise<VmSnapshot | undefined> {
  const moref = journal.run.vmSnapshotMoref
  const { name } = snapshotMark(ownership)
  return await adoptVmSnapshot(await vcenter(), {
    serverMoref: server.moref,
    name,
    ...(moref ? { moref } : {}),
    signal,
  })
}

/** Takes a snapshot: quiesced where the guest can, crash-consistent with a warning where its quiescing fails. */
async function takeSnapshot(server: Server, context: RunContext, signal: AbortSignal): Promise<VmSnapshot> {
  const { journal, vcenter, ownership } = context
  const request = {
    serverMoref: server.moref,
    serverName: server.name,
    ...snapshotMark(ownership),
    signal,
    onCreated: (moref: string) => journal.step('vmSnapshot', 'effected', { vmSnapshotMoref: moref }),
  }
  const canQuiesce = server.powerState === 'poweredOn' && server.toolsStatus === 'guestToolsRunning'
  try {
    return await createVmSnapshot(await vcenter(), { ...request, quiesce: canQuiesce })
  } catch (error) {
    if (!(error instanceof ApplianceError && error.code === 'QUIESCE_FAILED')) throw error
    await journal.warn({ severity: 'warning', code: error.code, message: error.message, hint: error.hint })
    return await createVmSnapshot(await vcenter(), { ...request, quiesce: false })
  }
}

/**
 * Removes the run's snapshot, found by its name: also one whose making was not noted. A server that is gone has taken its
 * snapshots with it.
 * @param patience how long to wait for a vCenter that is away, or for a server that is busy; absent: not at all
 * @throws {ApplianceError} SERVER_BUSY also while vCenter may still be making it; whatever removeVmSnapshot throws
 */
export async function thaw(context: RunContext, patience?: { forMs: number; signal: AbortSignal }): Promise<void> {
  const { journal, ownership, stopping } = context
  if (journal.phase('vmSnapshot') === 'proven') return
  // The catalog may have lost a server that vCenter still has.
  const serverMoref = context.serverMoref ?? journal.run.server?.moref
  if (serverMoref !== undefined) {
    const vcenter = await context.vcenter()
    const about = { serverMoref, serverName: journal.run.serverName, signal: stopping }
    // In this order: what vCenter ends in between is found. It goes on with what it was asked for when we have stopped to listen.
    const onItsWay = journal.phase('vmSnapshot') === 'intended' && (await snapshotTaskRunning(vcenter, about))
    const found = await findVmSnapshots(vcenter, { ...about, name: snapshotMark(ownership).name })
    for (const { moref: snapshotMoref } of found) {
      await removeVmSnapshot(vcenter, { ...about, snapshotMoref, ...(patience ? { patience } : {}) })
    }
    if (onItsWay && found.length === 0) throw stillBeingMade(journal.run.serverName)
  }
  await journal.proveSnapshotRemoved()
}

function stillBeingMade(serverName: string): ApplianceError {
  return new ApplianceError('SERVER_BUSY', `vCenter is still taking a snapshot of ${serverName}`, {
    hint: 'It is waited for.',
  })
}
