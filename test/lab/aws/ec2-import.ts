// VM Import's calls: ImportSnapshot and ImportImage.
import type { ImageDiskContainer, ImportImageRequest, ImportSnapshotRequest } from '@aws-sdk/client-ec2'
import { type Call, endDryRun } from './authorize.ts'
import { AwsError } from './aws-error.ts'
import type { Lab } from './config.ts'
import { describeImageTask, describeSnapshotTask } from './ec2-import-tasks.ts'
import { authorizeCreation, requestedTags } from './ec2-tags.ts'
import { convertImage } from './import-conversion.ts'
import { decodeDisk, type FetchedDisk, fetchDisk } from './import-disk.ts'
import { checkKey, checkRole } from './import-role.ts'
import { type ImportDisk, type ImportTask, newTaskId, runStages } from './import-task.ts'
import { resolveKey } from './kms.ts'

function taskArn(lab: Lab, kind: ImportTask['kind'], id: string): string {
  return `arn:aws:ec2:${lab.region}:${lab.accountId}:import-${kind}-task/${id}`
}

/** Where an object is, from UserBucket or an s3:// or https:// URL. */
function source(container: {
  Url?: string | undefined
  UserBucket?: { S3Bucket?: string | undefined; S3Key?: string | undefined } | undefined
}) {
  const { S3Bucket: bucket, S3Key: key } = container.UserBucket ?? {}
  if (bucket !== undefined && key !== undefined) return { bucket, key }
  const match = /^(?:s3:\/\/|https:\/\/s3[.\w-]*\.amazonaws\.com\/)([^/]+)\/(.+)$/.exec(container.Url ?? '')
  if (match === null)
    throw new AwsError('InvalidParameter', 'The S3 location of the disk image is missing or not valid')
  return { bucket: match[1] ?? '', key: match[2] ?? '' }
}

function checkQuota(lab: Lab, kind: ImportTask['kind']): void {
  const limit = kind === 'snapshot' ? lab.quotas.importSnapshotTasks : lab.quotas.importImageTasks
  if (lab.imports.active(kind) >= limit) {
    throw new AwsError(
      'ResourceCountLimitExceeded',
      `Maximum number of active import ${kind} tasks (${limit}) exceeded`,
    )
  }
}

function encryption(input: { Encrypted?: boolean | undefined; KmsKeyId?: string | undefined }, call: Call) {
  if (input.KmsKeyId !== undefined && input.Encrypted !== true) {
    throw new AwsError('InvalidParameter', 'If a KmsKeyId is specified, the Encrypted flag must also be set')
  }
  const encrypted = input.Encrypted === true || call.lab.settings.encryptionByDefault
  return { encrypted, kmsKeyArn: encrypted ? resolveKey(call, input.KmsKeyId) : undefined }
}

function importSnapshot(input: ImportSnapshotRequest, call: Call) {
  const { lab } = call
  const tags = requestedTags(input.TagSpecifications, 'import-snapshot-task')
  const arn = taskArn(lab, 'snapshot', '*')
  authorizeCreation(call, [arn, lab.snapshots.arn('*')], arn, tags)
  endDryRun(input)
  const repeated = lab.imports.repeated('snapshot', input.ClientToken, input)
  if (repeated !== undefined) return describeSnapshotTask(repeated)
  const container = input.DiskContainer
  if (container === undefined)
    throw new AwsError('MissingParameter', 'The request must contain the parameter DiskContainer')
  const format = checkFormat(container.Format, ['VMDK', 'VHD', 'VHDX', 'RAW'])
  const object = source(container)
  const roleName = input.RoleName ?? 'vmimport'
  checkRole(lab, roleName, [object])
  const protection = encryption(input, call)
  checkQuota(lab, 'snapshot')
  const id = newTaskId('snapshot')
  const disk: ImportDisk = {
    ...object,
    format,
    url: container.Url,
    description: container.Description,
    status: 'active',
  }
  const task: ImportTask = {
    id,
    arn: taskArn(lab, 'snapshot', id),
    kind: 'snapshot',
    description: input.Description ?? '',
    status: 'active',
    statusMessage: 'pending',
    progress: '0',
    ...protection,
    disks: [disk],
    tags,
    abort: new AbortController(),
  }
  lab.imports.add(task, input.ClientToken, input)
  let fetched: FetchedDisk | undefined
  void runStages(
    task,
    [
      { message: 'pending', progress: '0' },
      {
        message: 'validating',
        progress: '3',
        work: async signal => {
          checkKey(lab, roleName, task.kmsKeyArn)
          fetched = await fetchDisk(lab, task, disk, signal)
        },
      },
      { message: 'validated', progress: '19' },
      {
        message: 'converting',
        progress: '38',
        work: async signal => {
          if (fetched !== undefined) await decodeDisk(lab, task, disk, fetched, signal)
        },
      },
    ],
    () => lab.timing.stepMs,
    () => takeFailure(lab),
    () => removeMade(lab, task),
  )
  return describeSnapshotTask(task)
}

function takeFailure(lab: Lab): string | undefined {
  const failure = lab.imports.nextFailure
  lab.imports.nextFailure = undefined
  return failure
}

/** A failed task leaves no snapshot behind. */
async function removeMade(lab: Lab, task: ImportTask): Promise<void> {
  for (const disk of task.disks) {
    const snapshot = disk.snapshotId === undefined ? undefined : lab.snapshots.find(disk.snapshotId)
    if (snapshot !== undefined) await lab.snapshots.remove(snapshot)
    delete disk.snapshotId
  }
}

function checkFormat(format: string | undefined, allowed: string[]): string {
  const upper = (format ?? '').toUpperCase()
  if (!allowed.includes(upper)) throw new AwsError('InvalidParameter', `The format '${format ?? ''}' is not supported`)
  return upper
}

function importImage(input: ImportImageRequest, call: Call) {
  const { lab } = call
  const tags = requestedTags(input.TagSpecifications, 'import-image-task')
  const arn = taskArn(lab, 'image', '*')
  const containers = input.DiskContainers ?? []
  const snapshotArns = containers.flatMap(one =>
    one.SnapshotId === undefined ? [] : [lab.snapshots.arn(one.SnapshotId)],
  )
  authorizeCreation(
    call,
    [arn, lab.images.arn('*'), ...(snapshotArns.length > 0 ? snapshotArns : [lab.snapshots.arn('*')])],
    arn,
    tags,
  )
  endDryRun(input)
  const repeated = lab.imports.repeated('image', input.ClientToken, input)
  if (repeated !== undefined) return describeImageTask(repeated)
  checkImageParameters(input)
  const disks = containers.map(container => imageDisk(container, call))
  const roleName = input.RoleName ?? 'vmimport'
  checkRole(
    lab,
    roleName,
    disks.flatMap(({ bucket, key }) => (bucket === undefined || key === undefined ? [] : [{ bucket, key }])),
  )
  const protection = encryption(input, call)
  checkQuota(lab, 'image')
  const id = newTaskId('image')
  const task: ImportTask = {
    id,
    arn: taskArn(lab, 'image', id),
    kind: 'image',
    description: input.Description ?? '',
    status: 'active',
    statusMessage: 'pending',
    progress: '1',
    ...protection,
    disks,
    tags,
    image: {
      architecture: input.Architecture ?? 'x86_64',
      platform: input.Platform as 'Windows' | 'Linux' | undefined,
      licenseType: input.LicenseType,
      usageOperation: input.UsageOperation,
      bootMode: input.BootMode,
    },
    abort: new AbortController(),
  }
  lab.imports.add(task, input.ClientToken, input)
  void convertImage(
    lab,
    task,
    roleName,
    () => takeFailure(lab),
    () => removeMade(lab, task),
  )
  return describeImageTask(task)
}

function checkImageParameters(input: ImportImageRequest): void {
  const containers = input.DiskContainers ?? []
  if (containers.length === 0)
    throw new AwsError('MissingParameter', 'The request must contain the parameter DiskContainers')
  if (containers.length > 21) throw new AwsError('InvalidParameter', 'An image has at most 21 volumes')
  oneOf('Platform', input.Platform, ['Windows', 'Linux'])
  oneOf('LicenseType', input.LicenseType, ['AWS', 'BYOL'])
  oneOf('BootMode', input.BootMode, ['legacy-bios', 'uefi'])
  oneOf('Hypervisor', input.Hypervisor, ['xen'])
  oneOf('Architecture', input.Architecture, ['x86_64', 'i386'])
  // VM Import/Export no longer takes 32-bit guests (FACTS: from February 2026).
  if (input.Architecture === 'i386') throw new AwsError('InvalidParameter', "The architecture 'i386' is not supported")
  if (input.LicenseType !== undefined && input.UsageOperation !== undefined) {
    throw new AwsError('InvalidParameterCombination', 'LicenseType and UsageOperation cannot be specified together')
  }
  if (input.Platform === 'Linux' && input.LicenseType === 'AWS') {
    throw new AwsError('InvalidParameter', "The license type 'AWS' is not supported for the platform 'Linux'")
  }
  const fromSnapshot = containers.some(container => container.SnapshotId !== undefined)
  if (fromSnapshot && input.BootMode === 'uefi' && input.Platform === undefined) {
    throw new AwsError(
      'InvalidParameter',
      'Platform must be specified to import an image with the boot mode uefi from a snapshot',
    )
  }
}

function oneOf(name: string, value: string | undefined, allowed: string[]): void {
  if (value !== undefined && !allowed.includes(value))
    throw new AwsError('InvalidParameter', `The value '${value}' of ${name} is not valid`)
}

function imageDisk(container: ImageDiskContainer, call: Call): ImportDisk {
  const shared = { description: container.Description, deviceName: container.DeviceName, status: 'active' }
  if (container.SnapshotId === undefined) {
    return {
      ...shared,
      ...source(container),
      url: container.Url,
      format: checkFormat(container.Format, ['VMDK', 'VHD', 'VHDX', 'RAW']),
    }
  }
  if (container.UserBucket !== undefined || container.Url !== undefined) {
    throw new AwsError('InvalidParameterCombination', 'A disk container names either a snapshot or an S3 object')
  }
  const snapshot = call.lab.snapshots.get(container.SnapshotId)
  if (snapshot.state !== 'completed')
    throw new AwsError('IncorrectState', `Snapshot is in invalid state - ${snapshot.state}`)
  return { ...shared, sourceSnapshotId: snapshot.id, format: 'RAW', imageBytes: snapshot.content.sizeBytes }
}

export const importOperations = {
  ImportSnapshot: importSnapshot,
  ImportImage: importImage,
}
