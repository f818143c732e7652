// What a run that did not succeed has made, taken away again.
import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { deleteSnapshot } from '../aws/ec2-snapshot.ts'
import { findImageOfRun, removeImage } from '../aws/image.ts'
import { findImageImports, undoImageImport } from '../aws/image-import.ts'
import { abortUploads, deleteObject } from '../aws/s3-objects.ts'
import { findSnapshotImports, undoSnapshotImport } from '../aws/snapshot-import.ts'
import { ownershipTags } from '../aws/tags.ts'
import type { Finding } from '../domain.ts'
import { type ErrorCode, toApplianceError } from '../errors.ts'
import { findVmSnapshots, removeVmSnapshot } from '../vsphere/vm-snapshot.ts'
import type { RunContext } from './context.ts'
import { vmSnapshotName } from './export-disks.ts'
import { manifestName } from './transfer-disk.ts'

/** Why something could not be removed now, and can be soon: whoever gets these tries again. */
const passing = new Set<string>([
  'AWS_THROTTLED',
  'AWS_UNREACHABLE',
  'SERVER_BUSY',
  'VCENTER_SESSION_LOST',
  'VCENTER_UNREACHABLE',
] satisfies ErrorCode[])

/** Whether a leftover may be removable later: then the run is not over yet, and recovery ends it. */
export function mayPass(leftover: Finding): boolean {
  return passing.has(leftover.code)
}

/**
 * Removes VM snapshot, objects, import tasks, EBS snapshots and manifests of a run. Uses none of the run's signals: it is
 * most needed when they are aborted. Never throws; what could not be removed is returned as a warning each, naming the thing.
 * @param signal ends the wait for vCenter
 */
export async function discardLeftovers(context: RunContext, signal?: AbortSignal): Promise<Finding[]> {
  const { aws: clients, job, journal, accountId, manifestDirectory, ownership } = context
  const tags = ownershipTags(ownership, job.settings.tags)
  const left: Finding[] = []
  const attempt = async (what: string, remove: () => Promise<void>) => {
    try {
      await remove()
    } catch (thrown) {
      const { code, message, hint } = toApplianceError(thrown)
      left.push({ severity: 'warning', code, message: `${what} could not be removed: ${message}`, hint })
    }
  }
  const { id: runId, state, serverName } = journal.run
  if (state === 'uploading') {
    await attempt(`The snapshot ${vmSnapshotName(runId)} of ${serverName}`, () => removeVmSnapshots(context, signal))
  }
  await attempt('The image import of the run', async () => {
    for (const taskId of await imageTasksOf(context)) await undoImageImport({ clients, taskId, what: serverName, tags })
  })
  // An image must go before the snapshots that it stands on.
  await attempt('The image of the run', async () => {
    const imageId = await findImageOfRun({ clients, runId })
    if (imageId !== undefined) await removeImage({ clients, imageId, snapshotIds: [] })
  })
  await attempt('The snapshot imports of the run', async () => {
    for (const taskId of await snapshotTasksOf(context)) await undoSnapshotImport({ clients, taskId, tags })
  })
  for (const disk of journal.run.disks) {
    const { bucket, objectKey: key, snapshotId } = disk
    if (bucket !== undefined && key !== undefined && !disk.objectDeleted) {
      await attempt(`Object s3://${bucket}/${key}`, async () => {
        await abortUploads({ clients, bucket, key, accountId })
        await deleteObject({ clients, bucket, key, accountId })
        await journal.recordDisk(disk.key, { objectDeleted: true })
      })
    }
    if (snapshotId !== undefined) {
      await attempt(`Snapshot ${snapshotId}`, () => deleteSnapshot({ clients, snapshotId }))
    }
  }
  const manifests = dirname(join(manifestDirectory, manifestName(ownership.jobId, ownership.runId, 0)))
  await attempt(`Manifests in ${manifests}`, () => rm(manifests, { recursive: true, force: true }))
  return left
}

/** Found by name: also one of whose creation vCenter's answer was lost. */
async function removeVmSnapshots({ vcenter, serverMoref, journal }: RunContext, signal?: AbortSignal): Promise<void> {
  const { id, serverName } = journal.run
  const waiting = signal ? { signal } : {}
  // A server that is gone has taken its snapshots with it.
  const found = serverMoref ? await findVmSnapshots(vcenter, { serverMoref, name: vmSnapshotName(id), ...waiting }) : []
  for (const { moref: snapshotMoref } of found) {
    await removeVmSnapshot(vcenter, { snapshotMoref, serverMoref: serverMoref ?? '', serverName, ...waiting })
  }
  if (journal.run.vmSnapshotMoref !== undefined) await journal.recordSnapshotRemoved()
}

/** Tasks whose snapshots are not recorded, besides those whose ids were lost between AWS's answer and the journal. */
async function snapshotTasksOf({ aws: clients, journal }: RunContext): Promise<Set<string>> {
  const { id: runId, state, disks } = journal.run
  const finished = new Set(disks.flatMap(disk => (disk.snapshotId === undefined ? [] : (disk.importTaskId ?? []))))
  const known = disks.flatMap(disk => disk.importTaskId ?? [])
  const unknown = state === 'converting' && disks.some(disk => disk.importTaskId === undefined)
  const tasks = [...known, ...(unknown ? await findSnapshotImports({ clients, runId }) : [])]
  return new Set(tasks.filter(taskId => !finished.has(taskId)))
}

async function imageTasksOf({ aws: clients, job, journal }: RunContext): Promise<string[]> {
  const { id: runId, state, imageTaskId } = journal.run
  if (imageTaskId !== undefined) return [imageTaskId]
  if (state !== 'creatingImage' || job.settings.imageMethod !== 'converted') return []
  return await findImageImports({ clients, runId })
}
