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
  const { aws: clients, journal, ownership, job, pollMs } = context
  const { bucket, objectKey: key } = disk
  if (bucket === undefined || key === undefined) {
    throw new ApplianceError('INTERNAL', `${disk.label} of ${ownership.serverName} has no object to import`, {
      hint: 'Download the log bundle and report this.',
    })
  }
  const what = `${disk.label} of ${ownership.serverName}`
  const tags = ownershipTags(ownership, job.settings.tags)
  const release = await context.slots.acquire(['imports'], signal)
  try {
    const { taskId } = await startSnapshotImport({
      clients,
      bucket,
      key,
      description: `${what}, run ${ownership.runId}`,
      roleName: context.importRoleName,
      clientToken: `${ownership.runId}-${disk.key}`,
      encrypted: job.settings.encrypted,
      kmsKeyId: job.settings.kmsKeyId,
      tags,
      pollMs,
      signal,
    })
    await journal.recordDisk(disk.key, { importTaskId: taskId })
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
    await journal.recordDisk(disk.key, { snapshotId, importStatus: 'completed' })
  } finally {
    release()
  }
  await deleteObject({ clients, bucket, key, accountId: context.accountId, signal })
  await journal.recordDisk(disk.key, { objectDeleted: true })
}
