// EBS direct, the reading side: ListSnapshotBlocks, GetSnapshotBlock, ListChangedBlocks.
import { createHash } from 'node:crypto'
import { authorize, type Call } from './authorize.ts'
import { AwsError, validationError } from './aws-error.ts'
import { type EbsRequest, integer, jsonAnswer, type WireAnswer } from './ebs-request.ts'
import { makeToken, readToken } from './ebs-tokens.ts'
import { resourceContext } from './ec2-tags.ts'
import { blockBytes } from './snapshot-content.ts'
import type { Snapshot } from './snapshot-store.ts'

function readable(call: Call, id: string): Snapshot {
  const { lab } = call
  const snapshot = lab.snapshots.find(id)
  authorize(call, `ebs:${call.operation}`, lab.snapshots.arn(id), resourceContext(snapshot?.tags ?? []))
  if (snapshot === undefined) {
    throw new AwsError('ResourceNotFoundException', `The snapshot '${id}' does not exist.`, 404, {
      Reason: 'SNAPSHOT_NOT_FOUND',
    })
  }
  if (snapshot.state !== 'completed') {
    throw validationError('INVALID_SNAPSHOT_ID', `The snapshot ${id} is not completed, it is ${snapshot.state}.`)
  }
  return snapshot
}

/** One page of the block indexes that a test picks. */
function pageOf(
  request: EbsRequest,
  call: Call,
  subject: string,
  blockCount: number,
  picks: (index: number) => boolean,
) {
  const { lab } = call
  const maxResults = integer(request.query.get('maxResults'), 'MaxResults', 100, 10_000, 10_000)
  const pageToken = request.query.get('pageToken')
  let index =
    pageToken === null
      ? integer(request.query.get('startingBlockIndex'), 'StartingBlockIndex', 0, Number.MAX_SAFE_INTEGER, 0)
      : readToken(pageToken, subject, lab.now(), 'INVALID_PAGE_TOKEN')
  const found: number[] = []
  while (index < blockCount && found.length < maxResults) {
    if (picks(index)) found.push(index)
    index++
  }
  while (index < blockCount && !picks(index)) index++
  const nextToken = index < blockCount ? makeToken(subject, index, lab.now() + lab.timing.pageTokenMs) : undefined
  return { found, nextToken }
}

function blockToken(call: Call, snapshot: Snapshot, index: number): string {
  return makeToken(`block ${snapshot.id}`, index, call.lab.now() + call.lab.timing.blockTokenMs)
}

export function listSnapshotBlocks(request: EbsRequest, call: Call): WireAnswer {
  const snapshot = readable(call, request.snapshotId)
  const { content } = snapshot
  const { found, nextToken } = pageOf(request, call, `list ${snapshot.id}`, content.blockCount, index =>
    content.holds(index),
  )
  return jsonAnswer(200, {
    Blocks: found.map(index => ({ BlockIndex: index, BlockToken: blockToken(call, snapshot, index) })),
    ExpiryTime: (call.lab.now() + call.lab.timing.blockTokenMs) / 1000,
    VolumeSize: snapshot.volumeSizeGiB,
    BlockSize: blockBytes,
    NextToken: nextToken,
  })
}

export async function getSnapshotBlock(request: EbsRequest, call: Call): Promise<WireAnswer> {
  const snapshot = readable(call, request.snapshotId)
  const token = request.query.get('blockToken') ?? ''
  const index = integer(String(request.blockIndex), 'BlockIndex', 0, snapshot.content.blockCount - 1)
  if (readToken(token, `block ${snapshot.id}`, call.lab.now(), 'INVALID_BLOCK_TOKEN') !== index) {
    throw validationError('INVALID_BLOCK_TOKEN', 'The token belongs to another block.')
  }
  const block = await snapshot.content.readBlock(index)
  return {
    statusCode: 200,
    headers: {
      'content-type': 'application/octet-stream',
      'x-amz-Data-Length': String(blockBytes),
      'x-amz-Checksum': createHash('sha256').update(block).digest('base64'),
      'x-amz-Checksum-Algorithm': 'SHA256',
    },
    body: block,
  }
}

/** Blocks of the second snapshot that were written after the first one was sealed. */
export function listChangedBlocks(request: EbsRequest, call: Call): WireAnswer {
  const second = readable(call, request.snapshotId)
  const firstId = request.query.get('firstSnapshotId')
  if (firstId === null)
    throw validationError('INVALID_PARAMETER_VALUE', 'FirstSnapshotId must be specified with SecondSnapshotId.')
  const first = readable(call, firstId)
  if (first !== second && !second.content.descendsFrom(first.content)) {
    throw validationError('UNRELATED_SNAPSHOTS', `The snapshots ${first.id} and ${second.id} are not of one lineage.`)
  }
  const { found, nextToken } = pageOf(
    request,
    call,
    `changed ${first.id} ${second.id}`,
    second.content.blockCount,
    index => second.content.changedSince(first.content, index),
  )
  return jsonAnswer(200, {
    ChangedBlocks: found.map(index => ({
      BlockIndex: index,
      SecondBlockToken: blockToken(call, second, index),
      ...(first.content.holds(index) ? { FirstBlockToken: blockToken(call, first, index) } : {}),
    })),
    ExpiryTime: (call.lab.now() + call.lab.timing.blockTokenMs) / 1000,
    VolumeSize: second.volumeSizeGiB,
    BlockSize: blockBytes,
    NextToken: nextToken,
  })
}
