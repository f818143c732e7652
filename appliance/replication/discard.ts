// What a run that did not succeed has made, taken away again.
import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { deleteSnapshot } from '../aws/ec2-snapshot.ts'
import { findImageOfRun, removeImage } from '../aws/image.ts'
import { undoImageImport } from '../aws/image-import.ts'
import { abortUploads, deleteObject } from '../aws/s3-objects.ts'
import { undoSnapshotImport } from '../aws/snapshot-import.ts'
import { ownershipTags } from '../aws/tags.ts'
import type { Finding } from '../domain.ts'
import { toApplianceError } from '../errors.ts'
import type { RunContext } from './context.ts'
import { manifestName } from './transfer-disk.ts'

/**
 * Removes objects, import tasks, EBS snapshots and manifests of a run. Uses none of the run's signals: it is most
 * needed when they are aborted. Never throws; what could not be removed is returned as a warning each, naming the thing.
 */
export async function discardLeftovers(context: RunContext): Promise<Finding[]> {
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
  const { id: runId, imageTaskId, serverName } = journal.run
  if (imageTaskId !== undefined) {
    await attempt(`Import task ${imageTaskId}`, () =>
      undoImageImport({ clients, taskId: imageTaskId, what: serverName, tags }),
    )
  }
  // An image must go before the snapshots that it stands on.
  await attempt('The image of the run', async () => {
    const imageId = await findImageOfRun({ clients, runId })
    if (imageId !== undefined) await removeImage({ clients, imageId, snapshotIds: [] })
  })
  for (const disk of journal.run.disks) {
    const { bucket, objectKey: key, importTaskId, snapshotId } = disk
    if (importTaskId !== undefined && snapshotId === undefined) {
      await attempt(`Import task ${importTaskId}`, () => undoSnapshotImport({ clients, taskId: importTaskId, tags }))
    }
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
