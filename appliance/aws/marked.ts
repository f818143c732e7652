// Everything in AWS that carries this connector's mark: what recovery, the hourly cleaning and the Support page look at.
import {
  DescribeImagesCommand,
  DescribeSnapshotsCommand,
  type Filter,
  type Image,
  type Snapshot,
  type Tag,
} from '@aws-sdk/client-ec2'
import { ListObjectsV2Command } from '@aws-sdk/client-s3'
import type { Ownership } from '../domain.ts'
import { everyItem } from '../every-item.ts'
import type { AwsClients } from './clients.ts'
import { everyImageImport } from './image-import.ts'
import { batches } from './image-use.ts'
import { type ImportStatus, importStatusOf } from './import-task.ts'
import { connectorTagKey, runsPrefix } from './permissions.ts'
import { listUnfinishedUploads } from './s3-objects.ts'
import { everySnapshotImport } from './snapshot-import.ts'
import { ownershipOf } from './tags.ts'

const gib = 1024 ** 3

/** Whose a thing is, by its tags. */
export type Mark = Partial<Ownership>

export interface MarkedSnapshot {
  snapshotId: string
  /** `pending`, `completed`, `error`, `recoverable` or `recovering`. */
  state: string
  startedAt: Date | undefined
  /** Of the volume that it makes. */
  sizeBytes: number
  mark: Mark
  /** False if only its import task says whose it is: the appliance stopped before it could tag it. */
  tagged: boolean
}

export interface MarkedImage {
  imageId: string
  name: string
  /** `pending`, `available`, `failed`, `error` and others. */
  state: string
  createdAt: Date | undefined
  snapshotIds: string[]
  mark: Mark
  tagged: boolean
}

export interface MarkedTask extends ImportStatus {
  kind: 'snapshot' | 'image'
  taskId: string
  /** What it has made so far. */
  snapshotIds: string[]
  imageId: string | undefined
  mark: Mark
}

export interface MarkedUpload {
  key: string
  uploadId: string
  initiatedAt: Date | undefined
  /** From the key. */
  runId: string | undefined
}

export interface MarkedObject {
  key: string
  sizeBytes: number
  modifiedAt: Date | undefined
  runId: string | undefined
}

export interface Marked {
  snapshots: MarkedSnapshot[]
  images: MarkedImage[]
  /** Those that AWS still lists: it forgets them some days after their end. */
  tasks: MarkedTask[]
  uploads: MarkedUpload[]
  objects: MarkedObject[]
}

export interface MarkedInput {
  clients: AwsClients
  connectorId: string
  accountId: string
  /** Absent while the connector has none. */
  bucket?: string | undefined
  /** Things a page; what the services take at most unless given. */
  pageSize?: number
  signal?: AbortSignal | undefined
}

/**
 * Lists what carries the connector's mark. Snapshots and images that an import of ours made are found through its task
 * if they were never tagged; what bears another connector's tag is never among them.
 */
export async function listMarked(input: MarkedInput): Promise<Marked> {
  // First the tasks: a snapshot made while this is listed then belongs to a task that is known.
  const tasks = [...(await snapshotTasks(input)), ...(await imageTasks(input))]
  const ours = { Name: `tag:${connectorTagKey}`, Values: [input.connectorId] }
  const images = (await describeImages(input, ours)).map(image => imageOf(image, {}))
  for (const [imageId, mark] of untagged(tasks, task => [task.imageId], images)) {
    const [found] = await describeImages(input, { Name: 'image-id', Values: [imageId] })
    if (found !== undefined && connectorOf(found.Tags) === undefined) images.push(imageOf(found, mark))
  }
  const snapshots = (await describeSnapshots(input, ours)).map(snapshot => snapshotOf(snapshot, {}))
  const marks = new Map([
    ...untagged(images, image => image.snapshotIds, snapshots),
    ...untagged(tasks, task => task.snapshotIds, snapshots),
  ])
  for (const ids of batches([...marks.keys()])) {
    for (const found of await describeSnapshots(input, { Name: 'snapshot-id', Values: ids })) {
      if (connectorOf(found.Tags) === undefined) snapshots.push(snapshotOf(found, marks.get(found.SnapshotId ?? '')))
    }
  }
  return { snapshots, images, tasks, uploads: await uploads(input), objects: await objects(input) }
}

/** What `makers` say they made and what is not among the tagged, with the maker's mark. */
function untagged<T extends { mark: Mark }>(
  makers: T[],
  made: (maker: T) => (string | undefined)[],
  known: ({ snapshotId: string } | { imageId: string })[],
): Map<string, Mark> {
  const seen = new Set(known.map(one => ('snapshotId' in one ? one.snapshotId : one.imageId)))
  const all = makers.flatMap(maker => made(maker).map(id => [id, maker.mark] as const))
  return new Map(all.flatMap(([id, mark]) => (id === undefined || seen.has(id) ? [] : [[id, mark]])))
}

function connectorOf(tags: Tag[] | undefined): string | undefined {
  return tags?.find(tag => tag.Key === connectorTagKey)?.Value
}

function snapshotOf(snapshot: Snapshot, mark: Mark = {}): MarkedSnapshot {
  const tagged = connectorOf(snapshot.Tags) !== undefined
  return {
    snapshotId: snapshot.SnapshotId ?? '',
    state: snapshot.State ?? '',
    startedAt: snapshot.StartTime,
    sizeBytes: (snapshot.VolumeSize ?? 0) * gib,
    mark: tagged ? ownershipOf(snapshot.Tags) : mark,
    tagged,
  }
}

function imageOf(image: Image, mark: Mark): MarkedImage {
  const tagged = connectorOf(image.Tags) !== undefined
  return {
    imageId: image.ImageId ?? '',
    name: image.Name ?? '',
    state: image.State ?? '',
    createdAt: image.CreationDate === undefined ? undefined : new Date(image.CreationDate),
    snapshotIds: (image.BlockDeviceMappings ?? []).flatMap(mapping => mapping.Ebs?.SnapshotId ?? []),
    mark: tagged ? ownershipOf(image.Tags) : mark,
    tagged,
  }
}

function describeSnapshots({ clients, pageSize, signal }: MarkedInput, filter: Filter): Promise<Snapshot[]> {
  return Array.fromAsync(
    everyItem(async next => {
      const command = new DescribeSnapshotsCommand({
        ...{ OwnerIds: ['self'], Filters: [filter], MaxResults: pageSize ?? 1_000, NextToken: next },
      })
      const page = await clients.call('ec2:DescribeSnapshots', sdk => clients.ec2.send(command, sdk), { signal })
      return { items: page.Snapshots, next: page.NextToken }
    }),
  )
}

function describeImages({ clients, pageSize, signal }: MarkedInput, filter: Filter): Promise<Image[]> {
  return Array.fromAsync(
    everyItem(async next => {
      const command = new DescribeImagesCommand({
        ...{ Owners: ['self'], Filters: [filter], MaxResults: pageSize ?? 1_000, NextToken: next },
      })
      const page = await clients.call('ec2:DescribeImages', sdk => clients.ec2.send(command, sdk), { signal })
      return { items: page.Images, next: page.NextToken }
    }),
  )
}

/** EC2 cannot filter tasks by tags: all that it lists are looked at. */
async function snapshotTasks(input: MarkedInput): Promise<MarkedTask[]> {
  const found: MarkedTask[] = []
  for await (const task of everySnapshotImport(input)) {
    if (connectorOf(task.Tags) !== input.connectorId) continue
    const { ImportTaskId: taskId = '', SnapshotTaskDetail: detail = {}, Tags: tags } = task
    found.push({
      ...importStatusOf(detail),
      kind: 'snapshot',
      taskId,
      snapshotIds: detail.SnapshotId === undefined ? [] : [detail.SnapshotId],
      imageId: undefined,
      mark: ownershipOf(tags),
    })
  }
  return found
}

async function imageTasks(input: MarkedInput): Promise<MarkedTask[]> {
  const found: MarkedTask[] = []
  for await (const task of everyImageImport(input)) {
    if (connectorOf(task.Tags) !== input.connectorId) continue
    found.push({
      ...importStatusOf(task),
      kind: 'image',
      taskId: task.ImportTaskId ?? '',
      snapshotIds: (task.SnapshotDetails ?? []).flatMap(detail => detail.SnapshotId ?? []),
      imageId: task.ImageId,
      mark: ownershipOf(task.Tags),
    })
  }
  return found
}

async function uploads({ clients, bucket, accountId, signal }: MarkedInput): Promise<MarkedUpload[]> {
  if (bucket === undefined) return []
  const found = await listUnfinishedUploads({ clients, bucket, accountId, prefix: runsPrefix, signal })
  return found.map(upload => ({ ...upload, runId: runIdOf(upload.key) }))
}

async function objects(input: MarkedInput): Promise<MarkedObject[]> {
  const { clients, bucket, accountId, pageSize, signal } = input
  if (bucket === undefined) return []
  const found = await Array.fromAsync(
    everyItem(async next => {
      const command = new ListObjectsV2Command({
        ...{ Bucket: bucket, ExpectedBucketOwner: accountId, Prefix: runsPrefix },
        ...{ MaxKeys: pageSize, ContinuationToken: next },
      })
      const page = await clients.call('s3:ListBucket', sdk => clients.s3.send(command, sdk), { signal })
      return { items: page.Contents, next: page.NextContinuationToken }
    }),
  )
  return found.map(({ Key: key = '', Size: sizeBytes = 0, LastModified: modifiedAt }) => ({
    ...{ key, sizeBytes, modifiedAt, runId: runIdOf(key) },
  }))
}

/** The run that a key below `runs/` belongs to. */
function runIdOf(key: string): string | undefined {
  return /^runs\/([^/]+)\//.exec(key)?.[1]
}
