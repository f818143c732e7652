// Converting: each object in S3 becomes an EBS snapshot, the replica of its disk; then the object goes.
import { deleteObject } from '../aws/s3-objects.ts'
import { awaitSnapshotImport, startSnapshotImport } from '../aws/snapshot-import.ts'
import { ownershipTags } from '../aws/tags.ts'
import type { RunDisk } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { allOrFirstFailure } from './all-or-first-failure.ts'
import type { RunContext } from './context.ts'

/**
 * Imports all disks, as many at once as AWS's quota lets. The first refusal ends the others.
 * @throws {ApplianceError} IMPORT_REFUSED with AWS's own words, IMPORT_ROLE_MISSING, and whatever EC2 and S3 fail with
 */
export async function importSnapshots(context: RunContext, signal: AbortSignal): Promise<void> {
  const failed = new AbortController()
  const together = AbortSignal.any([signal, failed.signal])
  await allOrFirstFailure(
    context.journal.run.disks.map(disk => importDisk(disk, context, together)),
    failed,
  )
}

async function importDisk(disk: RunDisk, context: RunContext, signal: AbortSignal): Promise<void> {
  const { aws: clients, journal, ownership } = context
  const { bucket, objectKey: key } = disk
  if (bucket === undefined || key === undefined) {
    throw new ApplianceError('INTERNAL', `${disk.label} of ${ownership.serverName} has no object to import`, {
      hint: 'Download the log bundle and report this.',
    })
  }
  if (journal.phase('import', disk.key) !== 'proven') await importObject(disk, { bucket, key }, context, signal)
  if (disk.objectDeleted) return
  await deleteObject({ clients, bucket, key, accountId: context.accountId, signal })
  await journal.recordDisk(disk.key, { objectDeleted: true })
}

async function importObject(
  disk: RunDisk,
  object: { bucket: string; key: string },
  context: RunContext,
  signal: AbortSignal,
): Promise<void> {
  const { aws: clients, journal, ownership, job, slots, priority, pollMs } = context
  const what = `${disk.label} of ${ownership.serverName}`
  const tags = ownershipTags(ownership, job.settings.tags)
  const release = await slots.acquire(['imports'], signal, { priority })
  try {
    const taskId = disk.importTaskId ?? (await startImport(disk, object, context, signal))
    const { snapshotId } = await awaitSnapshotImport({
      clients,
      taskId,
      what,
      tags,
      pollMs,
      signal,
      onStatus: ({ statusMessage, progress }) =>
        journal.progressDisk(disk.key, {
          importStatus: progress === undefined ? statusMessage : `${statusMessage} (${progress} %)`,
        }),
    })
    await journal.diskStep(disk.key, 'import', 'proven', { snapshotId, importStatus: 'completed' })
  } finally {
    release()
  }
}

/** Begins the import, or finds the one that was begun: the token is the same however often the run goes on. */
async function startImport(
  disk: RunDisk,
  { bucket, key }: { bucket: string; key: string },
  { aws: clients, journal, ownership, job, importRoleName, slots, pollMs }: RunContext,
  signal: AbortSignal,
): Promise<string> {
  await journal.diskStep(disk.key, 'import', 'intended')
  const { taskId } = await startSnapshotImport({
    clients,
    bucket,
    key,
    description: `${disk.label} of ${ownership.serverName}, run ${ownership.runId}`,
    roleName: importRoleName,
    clientToken: `${ownership.runId}-${disk.key}`,
    encrypted: job.settings.encrypted,
    kmsKeyId: job.settings.kmsKeyId,
    tags: ownershipTags(ownership, job.settings.tags),
    pollMs,
    signal,
    onQueued: () => slots.pushBack('imports'),
  })
  await journal.diskStep(disk.key, 'import', 'effected', { importTaskId: taskId })
  return taskId
}
