// What a run that did not succeed has made, taken away again.
import { deleteSnapshot } from '../aws/ec2-snapshot.ts'
import { findImageOfRun, removeImage } from '../aws/image.ts'
import { findImageImports, undoImageImport } from '../aws/image-import.ts'
import { abortUploads, deleteObject } from '../aws/s3-objects.ts'
import { findSnapshotImports, undoSnapshotImport } from '../aws/snapshot-import.ts'
import { ownershipTags } from '../aws/tags.ts'
import type { Finding } from '../domain.ts'
import { toApplianceError } from '../errors.ts'
import type { RunContext } from './context.ts'
import { thaw } from './freeze.ts'
import { removeManifests } from './transfer-disk.ts'

/**
 * Removes VM snapshot, objects, import tasks, EBS snapshots and manifests of a run. Uses none of the run's signals: it is
 * most needed when they are aborted. Never throws; what could not be removed is returned as a warning each, naming the thing.
 */
export async function discardLeftovers(context: RunContext): Promise<Finding[]> {
  const { aws: clients, job, journal, accountId, manifestDirectory, ownership } = context
  const tags = ownershipTags(ownership, job.settings.tags)
  const left: Finding[] = []
  const attempt = async (what: string, remove: () => Promise<void>) => {
    try {
      context.stopping.throwIfAborted()
      await remove()
    } catch (thrown) {
      const { code, message, hint } = toApplianceError(thrown)
      left.push({ severity: 'warning', code, message: `${what} could not be removed: ${message}`, hint })
    }
  }
  const { id: runId, serverName } = journal.run
  if (journal.phase('vmSnapshot') !== undefined) {
    await attempt(`The VM snapshot of ${serverName}`, () => thaw(context))
  }
  await attempt('The image import of the run', async () => {
    for (const taskId of await imageTasksOf(context)) await undoImageImport({ clients, taskId, what: serverName, tags })
  })
  // An image must go before the snapshots that it stands on.
  if (journal.phase('image') !== undefined) {
    await attempt('The image of the run', async () => {
      const imageId = await findImageOfRun({ clients, connectorId: ownership.connectorId, runId })
      if (imageId !== undefined) await removeImage({ clients, imageId, snapshotIds: journal.run.imageSnapshotIds })
    })
  }
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
  await attempt(`Manifests in ${manifestDirectory}`, () => removeManifests(manifestDirectory, ownership))
  return left
}

/** Tasks whose snapshots are not recorded, besides those whose ids were lost between AWS's answer and the journal. */
async function snapshotTasksOf({ aws: clients, journal, ownership }: RunContext): Promise<Set<string>> {
  const { id: runId, disks } = journal.run
  const known = disks.filter(disk => journal.phase('import', disk.key) === 'effected')
  const unknown = disks.some(disk => journal.phase('import', disk.key) === 'intended')
  const finished = disks.filter(disk => journal.phase('import', disk.key) === 'proven').map(disk => disk.importTaskId)
  const found = unknown ? await findSnapshotImports({ clients, connectorId: ownership.connectorId, runId }) : []
  const tasks = new Set([...known.flatMap(disk => disk.importTaskId ?? []), ...found])
  return new Set([...tasks].filter(taskId => !finished.includes(taskId)))
}

async function imageTasksOf({ aws: clients, job, journal, ownership }: RunContext): Promise<string[]> {
  const { id: runId, imageTaskId } = journal.run
  if (imageTaskId !== undefined) return [imageTaskId]
  if (journal.phase('image') === undefined || job.settings.imageMethod !== 'converted') return []
  return await findImageImports({ clients, connectorId: ownership.connectorId, runId })
}
