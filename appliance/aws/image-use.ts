// What keeps an image from being taken away: instances that run on it, people's wish, other images on its snapshots.
import {
  DescribeImagesCommand,
  DescribeInstancesCommand,
  DescribeSnapshotsCommand,
  type Filter,
} from '@aws-sdk/client-ec2'
import { everyItem } from '../every-item.ts'
import type { AwsClients } from './clients.ts'
import { ownershipOf } from './tags.ts'

/** Whoever puts this tag on an image, or on a snapshot of it, keeps it; the value `false` takes that back. */
export const keepTagKey = 'hoist:keep'
/** What EC2 takes as values of one filter. */
const filterValues = 200
const pageSize = 1_000
/** All but `terminated`: a stopped instance, too, is somebody's server. */
const livingStates = ['pending', 'running', 'shutting-down', 'stopping', 'stopped']

export interface ImageUse {
  /** Images that an instance of this account stands on. */
  inUse: Set<string>
  /** Images that carry `hoist:keep`, or one of whose snapshots does, and those that are another connector's. */
  kept: Set<string>
  /** When EC2 made each image that stands whole, by EC2's own clock; one that somebody has removed is not among them. */
  createdAt: Map<string, Date>
}

/** An image with all that would go with it: a converted one does not stand on its run's replica, and yet takes it along. */
export interface ImageWithSnapshots {
  imageId: string
  snapshotIds: readonly string[]
}

/** Which of the images must stay. Instances of other accounts, with which an image may be shared, cannot be seen. */
export async function imageUse(input: {
  clients: AwsClients
  connectorId: string
  images: readonly ImageWithSnapshots[]
  signal?: AbortSignal | undefined
}): Promise<ImageUse> {
  const { clients, connectorId, images, signal } = input
  const use: ImageUse = { inUse: new Set(), kept: new Set(), createdAt: new Map() }
  const imagesOf = new Map<string, string[]>()
  const standsOn = (imageId: string, snapshotIds: readonly string[]) => {
    for (const id of snapshotIds) imagesOf.set(id, [...(imagesOf.get(id) ?? []), imageId])
  }
  for (const { imageId, snapshotIds } of images) standsOn(imageId, snapshotIds)
  for (const ids of batches(images.map(({ imageId }) => imageId))) {
    const ofImages = { Name: 'image-id', Values: ids }
    for await (const imageId of imagesOfInstances(clients, ofImages, signal)) use.inUse.add(imageId)
    for await (const { imageId, snapshotIds, keep, owner, createdAt } of ownImages(clients, ofImages, signal)) {
      // A clone that became a connector of its own still has the first one's history.
      if (keep || owner !== connectorId) use.kept.add(imageId)
      if (createdAt !== undefined) use.createdAt.set(imageId, createdAt)
      standsOn(imageId, snapshotIds)
    }
  }
  for (const snapshotIds of batches([...imagesOf.keys()])) {
    for await (const snapshotId of keptSnapshots(clients, snapshotIds, signal)) {
      for (const imageId of imagesOf.get(snapshotId) ?? []) use.kept.add(imageId)
    }
  }
  return use
}

/** The snapshots on which an image other than `imageId` stands: deleting them would break it. */
export async function snapshotsOfOtherImages(input: {
  clients: AwsClients
  imageId: string
  snapshotIds: string[]
  signal?: AbortSignal | undefined
}): Promise<Set<string>> {
  const { clients, imageId, snapshotIds, signal } = input
  const found = new Set<string>()
  for (const ids of batches(snapshotIds)) {
    const onThese = { Name: 'block-device-mapping.snapshot-id', Values: ids }
    for await (const image of ownImages(clients, onThese, signal)) {
      if (image.imageId !== imageId) for (const snapshotId of image.snapshotIds) found.add(snapshotId)
    }
  }
  return found
}

async function* imagesOfInstances(clients: AwsClients, filter: Filter, signal: AbortSignal | undefined) {
  const reservations = everyItem(async next => {
    const command = new DescribeInstancesCommand({
      Filters: [filter, { Name: 'instance-state-name', Values: livingStates }],
      MaxResults: pageSize,
      NextToken: next,
    })
    const page = await clients.call('ec2:DescribeInstances', sdk => clients.ec2.send(command, sdk), { signal })
    return { items: page.Reservations, next: page.NextToken }
  })
  for await (const { Instances: instances } of reservations) {
    for (const { ImageId: imageId } of instances ?? []) if (imageId !== undefined) yield imageId
  }
}

async function* ownImages(clients: AwsClients, filter: Filter, signal: AbortSignal | undefined) {
  const images = everyItem(async next => {
    const command = new DescribeImagesCommand({
      Owners: ['self'],
      Filters: [filter],
      MaxResults: pageSize,
      NextToken: next,
    })
    const page = await clients.call('ec2:DescribeImages', sdk => clients.ec2.send(command, sdk), { signal })
    return { items: page.Images, next: page.NextToken }
  })
  for await (const { ImageId: imageId, BlockDeviceMappings: mappings, Tags: tags, ...rest } of images) {
    if (imageId === undefined) continue
    const { State: state, CreationDate: creationDate } = rest
    const snapshotIds = (mappings ?? []).flatMap(mapping => mapping.Ebs?.SnapshotId ?? [])
    const createdAt = state === 'available' && creationDate !== undefined ? new Date(creationDate) : undefined
    yield { imageId, snapshotIds, keep: isKept(tags), owner: ownershipOf(tags).connectorId, createdAt }
  }
}

async function* keptSnapshots(clients: AwsClients, snapshotIds: string[], signal: AbortSignal | undefined) {
  const snapshots = everyItem(async next => {
    const command = new DescribeSnapshotsCommand({
      Filters: [
        { Name: 'snapshot-id', Values: snapshotIds },
        { Name: 'tag-key', Values: [keepTagKey] },
      ],
      MaxResults: pageSize,
      NextToken: next,
    })
    const page = await clients.call('ec2:DescribeSnapshots', sdk => clients.ec2.send(command, sdk), { signal })
    return { items: page.Snapshots, next: page.NextToken }
  })
  for await (const { SnapshotId: snapshotId, Tags: tags } of snapshots) {
    if (snapshotId !== undefined && isKept(tags)) yield snapshotId
  }
}

function isKept(tags: { Key?: string | undefined; Value?: string | undefined }[] | undefined): boolean {
  return tags?.some(tag => tag.Key === keepTagKey && tag.Value?.trim().toLowerCase() !== 'false') === true
}

/** In pieces that a filter takes; nothing for nothing, as a filter without values would fit everything or be refused. */
export function* batches(ids: string[]): Generator<string[]> {
  for (let start = 0; start < ids.length; start += filterValues) yield ids.slice(start, start + filterValues)
}
