// Uploading: the server's disks, frozen by a snapshot, stream from their host to S3 while they are checked on the side.
import type { RunDisk, Server } from '../domain.ts'
import { ApplianceError, toApplianceError } from '../errors.ts'
import { type ExportLease, exportVm } from '../vsphere/transport-nfc.ts'
import { createVmSnapshot, removeVmSnapshot, type VmSnapshot } from '../vsphere/vm-snapshot.ts'
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
  const snapshot = await freeze(server, context, signal)
  try {
    await readFrozen(server, snapshot, context, signal)
  } catch (error) {
    // The first error is the one to show; a snapshot that stays behind is told besides it.
    await thaw(server, snapshot, context).catch(async second => {
      const { code, message, hint } = toApplianceError(second)
      await context.journal.warn({ severity: 'warning', code, message, hint })
    })
    throw error
  }
  await thaw(server, snapshot, context)
}

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
    await transferAll(server, lease, context, signal)
    await lease.complete()
  } catch (error) {
    await lease.abort('the replication run failed')
    throw error
  }
}

/** Removes the snapshot, whatever became of the run's signal. */
async function thaw(server: Server, snapshot: VmSnapshot, context: RunContext): Promise<void> {
  await removeVmSnapshot(context.vcenter, {
    snapshotMoref: snapshot.moref,
    serverMoref: server.moref,
    serverName: server.name,
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
    await Promise.all(transfers.map(transfer => transfer.abort()))
    throw lease.lost.aborted ? lease.lost.reason : error
  }
}

/** Waits for all, so that nothing goes on behind a failure's back; the first failure aborts the rest and is the one thrown. */
async function allOrFirstFailure(work: Promise<void>[], failed: AbortController): Promise<void> {
  const failures: unknown[] = []
  await Promise.all(
    work.map(one =>
      one.catch(error => {
        failures.push(error)
        failed.abort(error)
      }),
    ),
  )
  if (failures.length > 0) throw failures[0]
}

function percentOf(disks: readonly RunDisk[]): number {
  const total = disks.reduce((sum, disk) => sum + disk.sizeBytes, 0)
  const read = disks.reduce((sum, disk) => sum + disk.readBytes, 0)
  return total === 0 ? 100 : (100 * read) / total
}
