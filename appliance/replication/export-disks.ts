// Uploading: the server's disks, frozen by a snapshot, stream from their host to S3 while they are checked on the side.
import type { RunDisk, Server } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { type ExportLease, exportVm } from '../vsphere/transport-nfc.ts'
import { createVmSnapshot, removeVmSnapshot, type VmSnapshot } from '../vsphere/vm-snapshot.ts'
import { allOrFirstFailure } from './all-or-first-failure.ts'
import type { RunContext } from './context.ts'
import { compareWithHost } from './host-manifest.ts'
import { startTransfer, type Transfer } from './transfer-disk.ts'

/** Name of a run's VM snapshot: what recovery looks for. */
export function vmSnapshotName(runId: string): string {
  return `hoist-${runId}`
}

/**
 * Puts every disk of the server into S3 as the VMDK stream that its host sent, proven against the host's own checksums.
 * The VM snapshot is gone when this returns or throws.
 */
export async function exportDisks(server: Server, context: RunContext, signal: AbortSignal): Promise<void> {
  const datastores = new Set(server.disks.map(disk => `datastore:${disk.datastore}`))
  const release = await context.slots.acquire([...datastores], signal)
  try {
    await exportFrozen(server, context, signal)
  } finally {
    release()
  }
}

async function exportFrozen(server: Server, context: RunContext, signal: AbortSignal): Promise<void> {
  const snapshot = await freeze(server, context, signal)
  try {
    await readFrozen(server, snapshot, context, signal)
  } catch (error) {
    // The first error is the one to show; the run's clean-up tries again, and tells of a snapshot that stays behind.
    await thaw(server, snapshot, context, signal).catch(() => undefined)
    throw error
  }
  await thaw(server, snapshot, context, signal)
}

/** A backup or migration of the server, or a restart of vCenter's services, must not cost a run that has read everything. */
const thawPatienceMs = 15 * 60_000

/** From lease to completed objects. */
async function readFrozen(
  server: Server,
  snapshot: VmSnapshot,
  context: RunContext,
  signal: AbortSignal,
): Promise<void> {
  assertSameDisks(server, snapshot, context.journal.run.disks)
  const lease = await exportVm(context.vcenter, {
    vmMoref: server.moref,
    serverName: server.name,
    snapshotMoref: snapshot.moref,
    signal,
  })
  try {
    assertAllExported(server, lease, context.journal.run.disks)
    await transferAll(server, lease, context, signal)
    await lease.complete()
  } catch (error) {
    await lease.abort('the replication run failed')
    throw error
  }
}

/** Removes the snapshot, whatever became of the run's signal; once that is aborted, without waiting for a better moment. */
async function thaw(server: Server, snapshot: VmSnapshot, context: RunContext, signal: AbortSignal): Promise<void> {
  await removeVmSnapshot(context.vcenter, {
    snapshotMoref: snapshot.moref,
    serverMoref: server.moref,
    serverName: server.name,
    patience: { forMs: thawPatienceMs, signal },
  })
  await context.journal.recordSnapshotRemoved()
}

/** Takes the snapshot: quiesced where the guest can, crash-consistent with a warning where its quiescing fails. */
async function freeze(server: Server, context: RunContext, signal: AbortSignal): Promise<VmSnapshot> {
  const { journal, vcenter, ownership } = context
  const request = {
    serverMoref: server.moref,
    serverName: server.name,
    name: vmSnapshotName(ownership.runId),
    description: `Hoist connector ${ownership.connectorId}, job ${ownership.jobId}, run ${ownership.runId}`,
    signal,
    onCreated: (moref: string) => journal.record({ vmSnapshotMoref: moref }),
  }
  const canQuiesce = server.powerState === 'poweredOn' && server.toolsStatus === 'guestToolsRunning'
  try {
    return await createVmSnapshot(vcenter, { ...request, quiesce: canQuiesce })
  } catch (error) {
    if (!(error instanceof ApplianceError && error.code === 'QUIESCE_FAILED')) throw error
    await journal.warn({ severity: 'warning', code: error.code, message: error.message, hint: error.hint })
    return await createVmSnapshot(vcenter, { ...request, quiesce: false })
  }
}

/** A disk that came, went or grew between the inspection and the snapshot would be left out or cut off. */
function assertSameDisks(server: Server, snapshot: VmSnapshot, planned: RunDisk[]): void {
  const describe = (disks: { key: number; sizeBytes: number }[]) =>
    disks
      .map(disk => `${disk.key}:${disk.sizeBytes}`)
      .sort()
      .join(' ')
  if (describe(snapshot.disks) === describe(planned)) return
  throw new ApplianceError('DISKS_CHANGED', `The disks of ${server.name} changed while its snapshot was taken`, {
    hint: 'Start the run again once nobody changes the hardware of the server.',
  })
}

/** A lease leaves out what a snapshot cannot hold: an image without one of the disks would look complete. */
function assertAllExported(server: Server, lease: ExportLease, planned: readonly RunDisk[]): void {
  const exported = new Set(lease.disks.map(disk => disk.diskKey))
  const missing = planned.filter(disk => !exported.has(disk.key)).map(disk => disk.label)
  if (missing.length === 0) return
  throw new ApplianceError('NFC_DISK_UNKNOWN', `The export of ${server.name} leaves out ${missing.join(', ')}`, {
    hint: 'Look whether the disk is independent or shared; if not, report this with the versions of vCenter and of the host.',
  })
}

/**
 * Streams all disks at once, as far as the caps allow. No object is completed before the host's manifest agrees with all
 * of them, and the first failure ends the others.
 */
async function transferAll(
  server: Server,
  lease: ExportLease,
  context: RunContext,
  signal: AbortSignal,
): Promise<void> {
  const failed = new AbortController()
  const together = AbortSignal.any([signal, failed.signal, lease.lost])
  const transfers: Transfer[] = []
  try {
    await allOrFirstFailure(
      lease.disks.map(async device => {
        const release = await context.slots.acquire(['disks', `host:${server.hostMoref}`], together)
        try {
          const transfer = await startTransfer(server, device, context, together)
          transfers.push(transfer)
          await transfer.stream()
          lease.progress(percentOf(context.journal.run.disks))
        } finally {
          release()
        }
      }),
      failed,
    )
    compareWithHost(server, await lease.manifest(), transfers)
    await allOrFirstFailure(
      transfers.map(transfer => transfer.complete()),
      failed,
    )
  } catch (error) {
    // One that cannot be aborted now must not hide why; the run's clean-up aborts uploads again, and tells what stays.
    await Promise.allSettled(transfers.map(transfer => transfer.abort()))
    throw lease.lost.aborted ? lease.lost.reason : error
  }
}

function percentOf(disks: readonly RunDisk[]): number {
  const total = disks.reduce((sum, disk) => sum + disk.sizeBytes, 0)
  const read = disks.reduce((sum, disk) => sum + disk.readBytes, 0)
  return total === 0 ? 100 : (100 * read) / total
}
