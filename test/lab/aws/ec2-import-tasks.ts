// VM Import's tasks as callers see them: described, listed, cancelled.
import type {
  CancelImportTaskRequest,
  DescribeImportImageTasksRequest,
  DescribeImportSnapshotTasksRequest,
} from '@aws-sdk/client-ec2'
import { authorize, type Call, endDryRun } from './authorize.ts'
import { AwsError, invalidParameter } from './aws-error.ts'
import { applyFilters, page } from './ec2-filters.ts'
import { resourceContext } from './ec2-tags.ts'
import type { ImportDisk, ImportTask } from './import-task.ts'

export function describeSnapshotTask(task: ImportTask) {
  const [disk] = task.disks
  return {
    ImportTaskId: task.id,
    Description: task.description,
    SnapshotTaskDetail: {
      ...describeDisk(disk),
      Encrypted: task.encrypted,
      KmsKeyId: task.kmsKeyArn,
      Description: task.description,
      Progress: task.progress,
      Status: task.status,
      StatusMessage: task.statusMessage,
    },
    Tags: task.tags,
  }
}

function describeDisk(disk: ImportDisk | undefined) {
  return {
    DiskImageSize: disk?.imageBytes,
    Format: disk?.format,
    SnapshotId: disk?.snapshotId,
    Url: disk?.url,
    UserBucket: disk?.bucket === undefined ? undefined : { S3Bucket: disk.bucket, S3Key: disk.key },
  }
}

export function describeImageTask(task: ImportTask) {
  return {
    ImportTaskId: task.id,
    Description: task.description,
    Architecture: task.image?.architecture,
    Platform: task.image?.platform,
    LicenseType: task.image?.licenseType,
    UsageOperation: task.image?.usageOperation,
    BootMode: task.image?.bootMode,
    Encrypted: task.encrypted,
    KmsKeyId: task.kmsKeyArn,
    ImageId: task.image?.imageId,
    Progress: task.progress,
    Status: task.status,
    StatusMessage: task.statusMessage,
    SnapshotDetails: task.disks.map(disk => ({
      ...describeDisk(disk),
      Description: disk.description,
      DeviceName: disk.deviceName,
      Status: disk.status,
    })),
    Tags: task.tags,
  }
}

function tasksOf(
  kind: ImportTask['kind'],
  input: DescribeImportSnapshotTasksRequest | DescribeImportImageTasksRequest,
  call: Call,
) {
  authorize(call, `ec2:${call.operation}`)
  endDryRun(input)
  const { imports } = call.lab
  const asked = input.ImportTaskIds?.length
    ? input.ImportTaskIds.map(id => imports.get(id))
    : [...imports.tasks.values()]
  for (const task of asked) {
    if (task.kind !== kind && input.ImportTaskIds?.length)
      throw invalidParameter(`The import task ${task.id} is of another kind`)
  }
  const found = applyFilters(
    asked.filter(task => task.kind === kind),
    input.Filters,
    { 'task-state': task => task.status },
  )
  return page(found, input)
}

function describeImportSnapshotTasks(input: DescribeImportSnapshotTasksRequest, call: Call) {
  const { items, nextToken } = tasksOf('snapshot', input, call)
  return { ImportSnapshotTasks: items.map(describeSnapshotTask), NextToken: nextToken }
}

function describeImportImageTasks(input: DescribeImportImageTasksRequest, call: Call) {
  const { items, nextToken } = tasksOf('image', input, call)
  return { ImportImageTasks: items.map(describeImageTask), NextToken: nextToken }
}

function cancelImportTask(input: CancelImportTaskRequest, call: Call) {
  const task = call.lab.imports.get(input.ImportTaskId ?? '')
  authorize(call, 'ec2:CancelImportTask', task.arn, resourceContext(task.tags))
  endDryRun(input)
  const previous = task.status
  if (previous !== 'active')
    throw new AwsError('IncorrectState', `The import task ${task.id} is ${previous} and cannot be cancelled`)
  task.abort.abort(input.CancelReason ?? 'User initiated task cancelation')
  return { ImportTaskId: task.id, PreviousState: previous, State: 'deleting' }
}

export const importTaskOperations = {
  DescribeImportSnapshotTasks: describeImportSnapshotTasks,
  DescribeImportImageTasks: describeImportImageTasks,
  CancelImportTask: cancelImportTask,
}
