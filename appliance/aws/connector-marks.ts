// Which connectors have made things in this account and Region, by the mark on images and snapshots.
import { DescribeImagesCommand, DescribeSnapshotsCommand, type Filter, type Tag } from '@aws-sdk/client-ec2'
import { everyItem } from '../every-item.ts'
import type { AwsClients } from './clients.ts'
import { connectorTagKey } from './permissions.ts'

/** What one connector has in EC2. */
export interface ConnectorMark {
  connectorId: string
  images: number
  snapshots: number
  /** When the newest of both was made; absent if AWS gave no date. */
  newestAt?: Date
}

export interface ConnectorMarksInput {
  clients: AwsClients
  /** Things a page; what EC2 takes at most unless given. */
  pageSize?: number
  signal?: AbortSignal | undefined
}

/** Every connector whose mark an image or a snapshot carries. No more than a page of them is held. */
export async function listConnectorMarks({
  clients,
  pageSize = 1_000,
  signal,
}: ConnectorMarksInput): Promise<ConnectorMark[]> {
  const marks = new Map<string, ConnectorMark>()
  const count = (kind: 'images' | 'snapshots', tags: Tag[] | undefined, madeAt: Date | undefined) => {
    const connectorId = tags?.find(tag => tag.Key === connectorTagKey)?.Value
    // A tag that was emptied by hand names nobody.
    if (!connectorId) return
    const mark = marks.get(connectorId) ?? { connectorId, images: 0, snapshots: 0 }
    mark[kind]++
    if (madeAt && (!mark.newestAt || madeAt > mark.newestAt)) mark.newestAt = madeAt
    marks.set(connectorId, mark)
  }
  const marked: Filter[] = [{ Name: 'tag-key', Values: [connectorTagKey] }]
  const images = everyItem(async next => {
    const command = new DescribeImagesCommand({
      ...{ Owners: ['self'], Filters: marked, MaxResults: pageSize, NextToken: next },
    })
    const page = await clients.call('ec2:DescribeImages', sdk => clients.ec2.send(command, sdk), { signal })
    return { items: page.Images, next: page.NextToken }
  })
  for await (const { Tags: tags, CreationDate: madeAt } of images)
    count('images', tags, madeAt === undefined ? undefined : new Date(madeAt))
  const snapshots = everyItem(async next => {
    const command = new DescribeSnapshotsCommand({
      ...{ OwnerIds: ['self'], Filters: marked, MaxResults: pageSize, NextToken: next },
    })
    const page = await clients.call('ec2:DescribeSnapshots', sdk => clients.ec2.send(command, sdk), { signal })
    return { items: page.Snapshots, next: page.NextToken }
  })
  for await (const { Tags: tags, StartTime: madeAt } of snapshots) count('snapshots', tags, madeAt)
  return [...marks.values()]
}
