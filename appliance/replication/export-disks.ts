// Uploading: the server's disks, frozen by a snapshot, stream from their host to S3 while they are checked on the side.
import type { RunDisk, Server } from '../domain.ts'
import { ApplianceError, toApplianceError } from '../errors.ts'
import { watchDatastores } from '../vsphere/datastore-watch.ts'
import { type ExportLease, exportVm } from '../vsphere/transport-nfc.ts'
import type { VmSnapshot } from '../vsphere/vm-snapshot.ts'
import { allOrFirstFailure } from './all-or-first-failure.ts'
import type { RunContext } from './context.ts'
import { mayPass } from './failure.ts'
import { freeze, thaw } from './freeze.ts'
import { compareWithHost } from './host-manifest.ts'
import { startTransfer, type Transfer } from './transfer-disk.ts'

/** A backup or migration of the server, or a restart of vCenter's services, must not cost a run that has read everything. */
const thawPatienceMs = 15 * 60_000

/**
 * Puts every disk of the server into S3 as the VMDK stream that its host sent, proven against the host's own checksums.
 * The VM snapshot is gone when this returns. When it throws, snapshot and uploads stay as they are: a run that goes on takes
 * them up again, and one that is given up is cleaned.
 */
export async function exportDisks(server: Server, context: RunContext, signal: AbortSignal): Promise<void> {
  const datastores = new Set(server.disks.map(disk => `datastore:${disk.datastore}`))
  const { slots, priority } = context
  const release = await slots.acquire([...datastores], signal, { priority })
  try {
    if (!allUploaded(context)) await readDisks(server, context, signal)
    await thawOrWarn(context, { forMs: thawPatienceMs, signal })
  } finally {
    release()
  }
}

/**
 * What is in S3 is whole and proven by now: a snapshot that cannot be removed (a backup holds its files) does not undo that.
 * It is tried again at the run's end, and by the hourly cleaning.
 */
async function thawOrWarn(context: RunContext, patience: { forMs: number; signal: AbortSignal }): Promise<void> {
  try {
    await thaw(context, patience)
  } catch (thrown) {
    const { code, message, hint } = toApplianceError(thrown)
    if (patience.signal.aborted || context.stopping.aborted || mayPass({ code })) throw thrown
    await context.journal.warn({ severity: 'warning', code, message, hint })
  }
}

function allUploaded({ journal }: RunContext): boolean {
  return journal.run.disks.every(disk => journal.phase('upload', disk.key) === 'proven')
}

/** Reads what a snapshot froze, while its datastores are watched: what the guest writes meanwhile fills them. */
async function readDisks(server: Server, context: RunContext, signal: AbortSignal): Promise<void> {
  const watch = watchDatastores(context.vcenter, {
    serverMoref: server.moref,
    serverName: server.name,
    floor: context.policy().datastoreFloor,
    everyMs: context.watchMs,
    signal,
  })
  const guarded = AbortSignal.any([signal, watch.low])
  try {
    const snapshot = await freeze(server, context, guarded)
    await readFrozen(server, snapshot, context, guarded)
  } catch (error) {
    throw watch.low.aborted ? watch.low.reason : error
  } finally {
    watch.stop()
  }
}

/** From lease to completed objects. */
async function readFrozen(
  server: Server,
  snapshot: VmSnapshot,
  context: RunContext,
  signal: AbortSignal,
): Promise<void> {
  assertSameDisks(server, snapshot, context.journal.run.disks)
  const lease = await exportVm(await context.vcenter(), {
    vmMoref: server.moref,
    serverName: server.name,
    snapshotMoref: snapshot.moref,
    signal,
    stallMs: context.stallMs,
  })
  try {
    assertAllExported(server, lease, context.journal.run.disks)
    await transferAll(server, lease, context, signal)
    await lease.complete()
  } catch (error) {
    await lease.abort('the replication run was stopped')
    throw error
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
  const { journal, slots, priority } = context
  const failed = new AbortController()
  const together = AbortSignal.any([signal, failed.signal, lease.lost])
  const transfers: Transfer[] = []
  // Of a run that goes on, with the snapshot that it began with, some disks may be in S3 already.
  const wanted = lease.disks.filter(device => journal.phase('upload', device.diskKey) !== 'proven')
  try {
    await allOrFirstFailure(
      wanted.map(async device => {
        const release = await slots.acquire(['disks', `host:${server.hostMoref}`], together, { priority })
        try {
          const transfer = await startTransfer(server, device, context, together)
          transfers.push(transfer)
          await transfer.stream()
          lease.progress(percentOf(journal.run.disks))
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
    // The host has no more room: others that read from it are thinned out before they are refused too.
    if (toApplianceError(error).code === 'NFC_REFUSED') slots.pushBack(`host:${server.hostMoref}`)
    await Promise.allSettled(transfers.map(transfer => transfer.suspend()))
    throw lease.lost.aborted ? lease.lost.reason : error
  }
}

function percentOf(disks: readonly RunDisk[]): number {
  const total = disks.reduce((sum, disk) => sum + disk.sizeBytes, 0)
  const read = disks.reduce((sum, disk) => sum + disk.readBytes, 0)
  return total === 0 ? 100 : (100 * read) / total
}
