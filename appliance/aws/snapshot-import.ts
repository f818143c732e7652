// S3 object -> EBS snapshot by VM Import's ImportSnapshot, which leaves the guest's bytes as they are.
import {
  DescribeImportSnapshotTasksCommand,
  ImportSnapshotCommand,
  type ImportSnapshotTask as ListedSnapshotTask,
} from '@aws-sdk/client-ec2'
import { ApplianceError } from '../errors.ts'
import { everyItem } from '../every-item.ts'
import type { AwsClients } from './clients.ts'
import { awaitSnapshot, deleteSnapshot, tagResources } from './ec2-snapshot.ts'
import { refusedStart } from './import-refusal.ts'
import {
  awaitTask,
  cancelImportTask,
  findTasksOfRun,
  type ImportStatus,
  importStatusOf,
  settledTask,
  unlessUnknown,
  whenThereIsRoom,
} from './import-task.ts'
import { toTagList } from './tags.ts'

export interface StartSnapshotImportInput {
  clients: AwsClients
  bucket: string
  key: string
  /** Shown by AWS beside the task and the snapshot. */
  description: string
  roleName: string
  /** Makes the call idempotent: the same for every attempt at this disk of this run, at most 64 characters. */
  clientToken: string
  encrypted: boolean
  /** Absent means the account's default key for EBS. */
  kmsKeyId?: string | undefined
  /** For the task; the snapshot gets its own from `awaitSnapshotImport`. */
  tags: Record<string, string>
  signal?: AbortSignal | undefined
  /** First wait while the Region's task quota is used up. */
  pollMs?: number | undefined
  /** Told each time the quota is found used up. */
  onQueued?: () => void
}

/** @throws ApplianceError IMPORT_ROLE_MISSING, KMS_KEY_UNUSABLE, AWS_PERMISSION_MISSING */
export async function startSnapshotImport(input: StartSnapshotImportInput): Promise<{ taskId: string }> {
  const {
    clients,
    bucket,
    key,
    description,
    roleName,
    clientToken,
    encrypted,
    kmsKeyId,
    tags,
    signal,
    pollMs,
    onQueued,
  } = input
  const command = new ImportSnapshotCommand({
    ClientToken: clientToken,
    Description: description,
    DiskContainer: { Description: description, Format: 'VMDK', UserBucket: { S3Bucket: bucket, S3Key: key } },
    RoleName: roleName,
    // `false` where encryption by default is on is not a refusal of it: leave it out.
    ...(encrypted ? { Encrypted: true, KmsKeyId: kmsKeyId } : {}),
    TagSpecifications: [{ ResourceType: 'import-snapshot-task', Tags: toTagList(tags) }],
  })
  const start = () =>
    clients.call('ec2:ImportSnapshot', sdk => clients.ec2.send(command, sdk), { signal, creates: true })
  try {
    const { ImportTaskId: taskId } = await whenThereIsRoom(start, { signal, pollMs, onQueued })
    if (taskId !== undefined) return { taskId }
  } catch (thrown) {
    throw refusedStart(thrown, roleName)
  }
  throw new ApplianceError('AWS_REQUEST_REFUSED', `AWS began the import of s3://${bucket}/${key} without a task.`, {
    hint: 'Run again.',
  })
}

export interface AwaitSnapshotImportInput {
  clients: AwsClients
  taskId: string
  /** Names the server and disk in errors. */
  what: string
  /** For the snapshot. */
  tags: Record<string, string>
  pollMs?: number | undefined
  /** Ends the wait; the task goes on, and is waited for again or undone by its id. */
  signal?: AbortSignal | undefined
  onStatus?: (status: ImportStatus) => void
}

/**
 * Waits for the task, tags the snapshot, and waits until that is completed.
 * @throws ApplianceError IMPORT_REFUSED, EBS_SNAPSHOT_FAILED
 */
export async function awaitSnapshotImport(input: AwaitSnapshotImportInput): Promise<{ snapshotId: string }> {
  const { clients, taskId, what, tags, pollMs, signal, onStatus } = input
  const describe = () => describeSnapshotImport({ clients, taskId, signal })
  const { snapshotId } = await awaitTask(describe, { what, pollMs, signal, onStatus })
  if (snapshotId === undefined) throw noSnapshot(what, taskId)
  await tagResources({ clients, ids: [snapshotId], tags, signal })
  await awaitSnapshot({ clients, snapshotId, pollMs, signal })
  return { snapshotId }
}

export interface SnapshotImportTask extends ImportStatus {
  snapshotId?: string
}

/** The task as it stands; undefined if AWS does not know it (yet). */
export async function describeSnapshotImport(input: {
  clients: AwsClients
  taskId: string
  signal?: AbortSignal | undefined
}): Promise<SnapshotImportTask | undefined> {
  const { clients, taskId, signal } = input
  const command = new DescribeImportSnapshotTasksCommand({ ImportTaskIds: [taskId] })
  return await unlessUnknown(async () => {
    const { ImportSnapshotTasks: tasks } = await clients.call(
      'ec2:DescribeImportSnapshotTasks',
      sdk => clients.ec2.send(command, sdk),
      { signal },
    )
    const detail = tasks?.[0]?.SnapshotTaskDetail
    if (detail === undefined) return undefined
    return {
      ...importStatusOf(detail),
      ...(detail.SnapshotId === undefined ? {} : { snapshotId: detail.SnapshotId }),
    }
  })
}

/** Every task that EC2 still lists, whoever began it. */
export function everySnapshotImport(input: {
  clients: AwsClients
  pageSize?: number | undefined
  signal?: AbortSignal | undefined
}): AsyncGenerator<ListedSnapshotTask> {
  const { clients, pageSize, signal } = input
  return everyItem(async next => {
    const command = new DescribeImportSnapshotTasksCommand({ MaxResults: pageSize, NextToken: next })
    const page = await clients.call('ec2:DescribeImportSnapshotTasks', sdk => clients.ec2.send(command, sdk), {
      signal,
    })
    return { items: page.ImportSnapshotTasks, next: page.NextToken }
  })
}

/** The import tasks of a run, by their tag. */
export function findSnapshotImports(input: {
  clients: AwsClients
  connectorId: string
  runId: string
}): Promise<string[]> {
  return findTasksOfRun(everySnapshotImport(input), input)
}

/** Cancels a task; if it was faster, deletes its snapshot (tagged first: only what is tagged may be deleted). */
export async function undoSnapshotImport(input: {
  clients: AwsClients
  taskId: string
  tags: Record<string, string>
}): Promise<void> {
  const { clients, taskId, tags } = input
  await cancelImportTask({ clients, taskId })
  const signal = AbortSignal.timeout(60_000)
  const task = await settledTask(() => describeSnapshotImport({ clients, taskId, signal }), { signal })
  if (task?.status !== 'completed' || task.snapshotId === undefined) return
  await tagResources({ clients, ids: [task.snapshotId], tags, signal })
  await deleteSnapshot({ clients, snapshotId: task.snapshotId, signal })
}

function noSnapshot(what: string, taskId: string): ApplianceError {
  return new ApplianceError('IMPORT_REFUSED', `VM Import completed ${taskId} of ${what} without a snapshot.`, {
    hint: 'Run again.',
  })
}
