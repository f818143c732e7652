// The image method `converted`: VM Import makes an AMI from copies of a run's snapshots, with drivers and licence.
import {
  DescribeImportImageTasksCommand,
  ImportImageCommand,
  type ImportImageTask as ListedImageTask,
} from '@aws-sdk/client-ec2'
import type { Firmware, Licence } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { everyItem } from '../every-item.ts'
import type { AwsClients } from './clients.ts'
import { tagResources } from './ec2-snapshot.ts'
import { guestPlatform, licenceType } from './guest-platform.ts'
import { awaitImage, bootMode, type ImageSnapshot, removeImage } from './image.ts'
import { importRefused, refusedStart } from './import-refusal.ts'
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

/** VM Import's limit on volumes of one image. */
const maxVolumes = 21

export interface ConvertImageInput {
  clients: AwsClients
  /** Names the server in errors. */
  what: string
  description: string
  guestId: string
  firmware: Firmware
  licence: Licence
  encrypted: boolean
  kmsKeyId?: string | undefined
  roleName: string
  /** Makes the call idempotent: the same for every attempt at this run's image, at most 64 characters. */
  clientToken: string
  /** The replica's; conversion reads them and writes to copies of its own. The disk that boots goes first. */
  snapshots: ImageSnapshot[]
  /** For the task; image and snapshots get theirs from `awaitImageImport`. */
  tags: Record<string, string>
  signal?: AbortSignal | undefined
  pollMs?: number | undefined
  onQueued?: () => void
}

/** @throws ApplianceError GUEST_UNSUPPORTED, IMPORT_ROLE_MISSING, KMS_KEY_UNUSABLE, AWS_PERMISSION_MISSING */
export async function convertImage(input: ConvertImageInput): Promise<{ taskId: string }> {
  const { clients, what, snapshots, roleName, signal, pollMs, onQueued } = input
  const platform = guestPlatform(input.guestId)
  if (platform === undefined) {
    throw new ApplianceError(
      'GUEST_UNSUPPORTED',
      `${what}: VM Import cannot convert a guest of type ${input.guestId}.`,
      {
        hint: 'Use the image method "registered", and bring the drivers yourself.',
      },
    )
  }
  if (snapshots.length > maxVolumes) {
    throw new ApplianceError('GUEST_UNSUPPORTED', `${what}: VM Import converts at most ${maxVolumes} disks.`, {
      hint: 'Leave some disks out of the job, or use the image method "registered".',
    })
  }
  const root = snapshots.find(snapshot => snapshot.root === true) ?? snapshots[0]
  const ordered = [
    ...snapshots.filter(snapshot => snapshot === root),
    ...snapshots.filter(snapshot => snapshot !== root),
  ]
  const licenseType = licenceType(input.licence, platform, what)
  const command = new ImportImageCommand({
    Architecture: 'x86_64',
    Platform: platform,
    BootMode: bootMode(input.firmware),
    ClientToken: input.clientToken,
    Description: input.description,
    DiskContainers: ordered.map(({ snapshotId }) => ({ SnapshotId: snapshotId })),
    RoleName: roleName,
    ...(licenseType === undefined ? {} : { LicenseType: licenseType }),
    ...(input.encrypted ? { Encrypted: true, KmsKeyId: input.kmsKeyId } : {}),
    TagSpecifications: [{ ResourceType: 'import-image-task', Tags: toTagList(input.tags) }],
  })
  const start = () => clients.call('ec2:ImportImage', sdk => clients.ec2.send(command, sdk), { signal, creates: true })
  try {
    const { ImportTaskId: taskId } = await whenThereIsRoom(start, { signal, pollMs, onQueued })
    if (taskId !== undefined) return { taskId }
  } catch (thrown) {
    throw refusedStart(thrown, roleName)
  }
  throw importRefused(what, 'AWS began the conversion without a task')
}

export interface AwaitImageImportInput {
  clients: AwsClients
  taskId: string
  what: string
  /** For the image and its snapshots. */
  tags: Record<string, string>
  pollMs?: number | undefined
  /** Ends the wait; the task goes on, and is waited for again or undone by its id. */
  signal?: AbortSignal | undefined
  onStatus?: (status: ImportStatus) => void
}

export interface ConvertedImage {
  imageId: string
  /** Copies of the replica's snapshots, which belong to the image. */
  snapshotIds: string[]
}

/** Waits for the conversion, tags image and snapshots, and waits until the image is available. @throws ApplianceError IMPORT_REFUSED, IMAGE_FAILED */
export async function awaitImageImport(input: AwaitImageImportInput): Promise<ConvertedImage> {
  const { clients, taskId, what, tags, pollMs, signal, onStatus } = input
  const describe = () => describeImageImport({ clients, taskId, signal })
  const task = await awaitTask(describe, { what, pollMs, signal, onStatus })
  return await adopt({ clients, what, task, tags, pollMs, signal })
}

async function adopt(input: {
  clients: AwsClients
  what: string
  task: ImageImportTask
  tags: Record<string, string>
  pollMs?: number | undefined
  signal?: AbortSignal | undefined
}): Promise<ConvertedImage> {
  const { clients, what, task, tags, pollMs, signal } = input
  const { imageId } = task
  if (imageId === undefined) throw importRefused(what, 'the conversion ended without an image')
  await tagResources({ clients, ids: [imageId, ...task.snapshotIds], tags, signal })
  const { snapshotIds } = await awaitImage({ clients, imageId, pollMs, signal })
  // The image's own list decides; the task's is the same as far as AWS documents it.
  const missed = snapshotIds.filter(snapshotId => !task.snapshotIds.includes(snapshotId))
  if (missed.length > 0) await tagResources({ clients, ids: missed, tags, signal })
  return { imageId, snapshotIds }
}

export interface ImageImportTask extends ImportStatus {
  imageId?: string
  snapshotIds: string[]
}

/** The task as it stands; undefined if AWS does not know it (yet). */
export async function describeImageImport(input: {
  clients: AwsClients
  taskId: string
  signal?: AbortSignal | undefined
}): Promise<ImageImportTask | undefined> {
  const { clients, taskId, signal } = input
  const command = new DescribeImportImageTasksCommand({ ImportTaskIds: [taskId] })
  return await unlessUnknown(async () => {
    const { ImportImageTasks: tasks } = await clients.call(
      'ec2:DescribeImportImageTasks',
      sdk => clients.ec2.send(command, sdk),
      { signal },
    )
    const task = tasks?.[0]
    if (task === undefined) return undefined
    return {
      ...importStatusOf(task),
      ...(task.ImageId === undefined ? {} : { imageId: task.ImageId }),
      snapshotIds: (task.SnapshotDetails ?? []).flatMap(detail => detail.SnapshotId ?? []),
    }
  })
}

/** Every task that EC2 still lists, whoever began it. */
export function everyImageImport(input: {
  clients: AwsClients
  pageSize?: number | undefined
  signal?: AbortSignal | undefined
}): AsyncGenerator<ListedImageTask> {
  const { clients, pageSize, signal } = input
  return everyItem(async next => {
    const command = new DescribeImportImageTasksCommand({ MaxResults: pageSize, NextToken: next })
    const page = await clients.call('ec2:DescribeImportImageTasks', sdk => clients.ec2.send(command, sdk), { signal })
    return { items: page.ImportImageTasks, next: page.NextToken }
  })
}

/** The import tasks of a run, by their tag. */
export function findImageImports(input: {
  clients: AwsClients
  connectorId: string
  runId: string
}): Promise<string[]> {
  return findTasksOfRun(everyImageImport(input), input)
}

/** Cancels a conversion; if it was faster, takes away its image and snapshots (tagged first: only what is tagged may be). */
export async function undoImageImport(input: {
  clients: AwsClients
  taskId: string
  what: string
  tags: Record<string, string>
}): Promise<void> {
  const { clients, taskId, what, tags } = input
  await cancelImportTask({ clients, taskId })
  const signal = AbortSignal.timeout(60_000)
  const task = await settledTask(() => describeImageImport({ clients, taskId, signal }), { signal })
  if (task?.status !== 'completed') return
  const { imageId, snapshotIds } = await adopt({ clients, what, task, tags, pollMs: 1_000, signal })
  await removeImage({ clients, imageId, snapshotIds, signal })
}
