// EBS direct, the writing side: StartSnapshot, PutSnapshotBlock, CompleteSnapshot.
// Source: EBS direct API reference, and EBS User Guide, "Encryption outcomes for EBS direct APIs".
import { createHash } from 'node:crypto'
import { authorize, type Call } from './authorize.ts'
import { AwsError, validationError } from './aws-error.ts'
import type { Lab } from './config.ts'
import { type EbsRequest, integer, jsonAnswer, parseJson, type WireAnswer } from './ebs-request.ts'
import { resourceContext, tagContext } from './ec2-tags.ts'
import { blockBytes, SnapshotContent } from './snapshot-content.ts'
import type { Snapshot, Tag } from './snapshot-store.ts'

type StartRequest = {
  VolumeSize?: number
  ParentSnapshotId?: string
  Tags?: Tag[]
  Description?: string
  ClientToken?: string
  Encrypted?: boolean
  KmsKeyArn?: string
  Timeout?: number
}

const knownMembers = [
  'VolumeSize',
  'ParentSnapshotId',
  'Tags',
  'Description',
  'ClientToken',
  'Encrypted',
  'KmsKeyArn',
  'Timeout',
]

/** A token bucket per operation: AWS's quotas are per account and second. */
function throttle(lab: Lab, operation: string, perSecond: number): void {
  const { rates } = lab.directWrites
  const nowMs = Date.now()
  const bucket = rates.get(operation) ?? { tokens: perSecond, atMs: nowMs }
  bucket.tokens = Math.min(perSecond, bucket.tokens + ((nowMs - bucket.atMs) / 1000) * perSecond)
  bucket.atMs = nowMs
  rates.set(operation, bucket)
  if (bucket.tokens < 1) {
    const message = 'The number of API requests has exceeded the maximum allowed API request throttling limit.'
    throw new AwsError('RequestThrottledException', message, 400, { Reason: 'ACCOUNT_THROTTLED' })
  }
  bucket.tokens -= 1
}

export async function startSnapshot(request: EbsRequest, call: Call): Promise<WireAnswer> {
  const { lab } = call
  const input = parseJson(request.body) as StartRequest
  for (const name of Object.keys(input)) {
    if (!knownMembers.includes(name)) throw validationError('INVALID_PARAMETER_VALUE', `${name} is not known`)
  }
  const tags = (input.Tags ?? []).map(tag => ({ Key: tag.Key, Value: tag.Value ?? '' }))
  authorize(call, 'ebs:StartSnapshot', lab.snapshots.arn('*'), {
    ...tagContext(tags),
    'ebs:VolumeSize': String(input.VolumeSize ?? ''),
    'ebs:Description': input.Description,
    'ebs:ParentSnapshot': input.ParentSnapshotId === undefined ? undefined : lab.snapshots.arn(input.ParentSnapshotId),
  })
  if (tags.some(tag => !tag.Key || tag.Key.length > 127 || tag.Key.startsWith('aws:')) || tags.length > 50) {
    throw validationError('INVALID_TAG', 'The tags are not valid.')
  }
  throttle(lab, call.operation, lab.quotas.startCompletePerSecond)
  const repeated = repeatedStart(lab, input)
  if (repeated !== undefined) return startAnswer(repeated, lab.accountId)
  const volumeSizeGiB = integer(String(input.VolumeSize), 'VolumeSize', 1, 65_536)
  const timeoutMinutes = integer(String(input.Timeout ?? 60), 'Timeout', 10, 4320)
  const parent = findParent(lab, input, volumeSizeGiB)
  const protection = encryption(lab, input, parent)
  const pending = lab.snapshots.all().filter(one => one.direct !== undefined && one.state === 'pending').length
  if (pending >= lab.quotas.pendingSnapshots) {
    throw new AwsError(
      'ServiceQuotaExceededException',
      'Your current service quotas do not allow you to perform this action: too many pending snapshots.',
      402,
      {
        Reason: 'DEPENDENCY_SERVICE_QUOTA_EXCEEDED',
      },
    )
  }
  const snapshot = await lab.snapshots.add({
    volumeSizeGiB,
    content: path => SnapshotContent.create(path, volumeSizeGiB, parent?.content),
    description: input.Description,
    ...protection,
    tags,
    ...(parent === undefined ? {} : { parentId: parent.id }),
    state: 'pending',
  })
  snapshot.direct = {
    startedAtMs: Date.now(),
    timeoutMs: timeoutMinutes * 60_000,
    lastWriteMs: lab.now(),
    digests: new Map(),
    sealed: false,
  }
  if (input.ClientToken !== undefined)
    lab.directWrites.tokens.set(input.ClientToken, { parameters: JSON.stringify(input), snapshotId: snapshot.id })
  return startAnswer(snapshot, lab.accountId)
}

function repeatedStart(lab: Lab, input: StartRequest): Snapshot | undefined {
  const known = input.ClientToken === undefined ? undefined : lab.directWrites.tokens.get(input.ClientToken)
  if (known === undefined) return undefined
  if (known.parameters !== JSON.stringify(input)) {
    throw new AwsError(
      'ConflictException',
      'The request uses the same client token as a previous, but non-identical request.',
      409,
    )
  }
  return lab.snapshots.find(known.snapshotId)
}

function findParent(lab: Lab, input: StartRequest, volumeSizeGiB: number): Snapshot | undefined {
  if (input.ParentSnapshotId === undefined) return undefined
  const parent = lab.snapshots.find(input.ParentSnapshotId)
  if (parent === undefined) throw notFound(input.ParentSnapshotId)
  if (parent.state !== 'completed')
    throw validationError('INVALID_SNAPSHOT_ID', `The parent snapshot ${parent.id} is not completed.`)
  if (volumeSizeGiB < parent.volumeSizeGiB) {
    throw validationError(
      'INVALID_VOLUME_SIZE',
      `The volume size must not be smaller than the parent's, ${parent.volumeSizeGiB} GiB.`,
    )
  }
  return parent
}

function encryption(
  lab: Lab,
  input: StartRequest,
  parent: Snapshot | undefined,
): { encrypted: boolean; kmsKeyArn?: string } {
  const refuse = (text: string) => validationError('INVALID_PARAMETER_VALUE', text)
  if (parent !== undefined) {
    if (input.Encrypted !== undefined)
      throw refuse("You can't specify ParentSnapshotId and Encrypted in the same request.")
    if (!parent.encrypted && lab.settings.encryptionByDefault) {
      throw refuse('Encryption by default is enabled: you cannot start a snapshot from an unencrypted parent snapshot.')
    }
    if (input.KmsKeyArn !== undefined) throw refuse('KmsKeyArn cannot be specified with a parent snapshot.')
    return parent.kmsKeyArn === undefined
      ? { encrypted: parent.encrypted }
      : { encrypted: true, kmsKeyArn: parent.kmsKeyArn }
  }
  if (input.Encrypted === false && lab.settings.encryptionByDefault)
    throw refuse('Encryption by default is enabled: the snapshot cannot be unencrypted.')
  const encrypted = input.Encrypted ?? lab.settings.encryptionByDefault
  if (input.KmsKeyArn !== undefined && !encrypted) throw refuse('KmsKeyArn requires Encrypted.')
  if (!encrypted) return { encrypted: false }
  if (input.KmsKeyArn === undefined) return { encrypted, kmsKeyArn: lab.settings.defaultKmsKeyArn }
  const key = input.KmsKeyArn.startsWith('arn:') ? lab.kms.find(input.KmsKeyArn) : undefined
  if (key === undefined) throw validationError('INVALID_CUSTOMER_KEY', `The key ${input.KmsKeyArn} is not valid.`)
  return { encrypted, kmsKeyArn: key.arn }
}

function startAnswer(snapshot: Snapshot, accountId: string): WireAnswer {
  return jsonAnswer(201, {
    SnapshotId: snapshot.id,
    OwnerId: accountId,
    Status: snapshot.state,
    StartTime: snapshot.startTime.getTime() / 1000,
    VolumeSize: snapshot.volumeSizeGiB,
    BlockSize: blockBytes,
    Description: snapshot.description,
    ...(snapshot.tags.length > 0 ? { Tags: snapshot.tags } : {}),
    ...(snapshot.parentId === undefined ? {} : { ParentSnapshotId: snapshot.parentId }),
    ...(snapshot.kmsKeyArn === undefined ? {} : { KmsKeyArn: snapshot.kmsKeyArn }),
  })
}

function notFound(id: string): AwsError {
  return new AwsError('ResourceNotFoundException', `The snapshot '${id}' does not exist.`, 404, {
    Reason: 'SNAPSHOT_NOT_FOUND',
  })
}

/** A pending snapshot that was started by EBS direct and has settled: before that it "does not exist" (FACTS). */
function writable(lab: Lab, id: string): Snapshot & { direct: NonNullable<Snapshot['direct']> } {
  const snapshot = lab.snapshots.find(id)
  if (snapshot === undefined) throw notFound(id)
  const { direct } = snapshot
  if (direct === undefined)
    throw validationError('INVALID_SNAPSHOT_ID', `The snapshot ${id} was not started by EBS direct.`)
  if (Date.now() < direct.startedAtMs + lab.timing.settleMs) throw notFound(id)
  if (snapshot.state === 'error')
    throw validationError('WRITE_REQUEST_TIMEOUT', `The snapshot ${id} was cancelled: it was not completed in time.`)
  return snapshot as Snapshot & { direct: NonNullable<Snapshot['direct']> }
}

export async function putSnapshotBlock(request: EbsRequest, call: Call): Promise<WireAnswer> {
  const { lab } = call
  const { headers, body, blockIndex } = request
  const tags = lab.snapshots.find(request.snapshotId)?.tags ?? []
  authorize(call, 'ebs:PutSnapshotBlock', lab.snapshots.arn(request.snapshotId), resourceContext(tags))
  const snapshot = writable(lab, request.snapshotId)
  throttle(lab, call.operation, lab.quotas.putSnapshotBlockPerSecond)
  if (snapshot.state !== 'pending' || snapshot.direct.sealed) {
    throw validationError('INVALID_SNAPSHOT_ID', `The snapshot ${snapshot.id} is not in the pending state.`)
  }
  integer(String(blockIndex), 'BlockIndex', 0, snapshot.content.blockCount - 1)
  integer(headers['x-amz-data-length'], 'DataLength', blockBytes, blockBytes)
  integer(headers['x-amz-progress'], 'Progress', 0, 100, 0)
  if (headers['x-amz-checksum-algorithm'] !== 'SHA256') {
    throw validationError('INVALID_PARAMETER_VALUE', 'ChecksumAlgorithm must be SHA256.')
  }
  if (body.length !== blockBytes) {
    throw validationError('INVALID_BLOCK', `The block must have ${blockBytes} bytes, not ${body.length}.`)
  }
  const digest = createHash('sha256').update(body).digest()
  const checksum = digest.toString('base64')
  if (headers['x-amz-checksum'] !== checksum) {
    throw validationError('INVALID_BLOCK', `The checksum does not match the data of block ${blockIndex}.`)
  }
  await snapshot.content.writeBlock(blockIndex, body)
  snapshot.direct.digests.set(blockIndex, digest)
  snapshot.direct.lastWriteMs = lab.now()
  return {
    statusCode: 201,
    headers: { 'x-amz-Checksum': checksum, 'x-amz-Checksum-Algorithm': 'SHA256', 'content-type': 'application/json' },
    body: '{}',
  }
}

/** Refuses a count or an aggregate that does not fit; then the snapshot stays pending for a while, as AWS's does. */
export function completeSnapshot(request: EbsRequest, call: Call): WireAnswer {
  const { lab } = call
  const { headers } = request
  const tags = lab.snapshots.find(request.snapshotId)?.tags ?? []
  authorize(call, 'ebs:CompleteSnapshot', lab.snapshots.arn(request.snapshotId), resourceContext(tags))
  const snapshot = writable(lab, request.snapshotId)
  throttle(lab, call.operation, lab.quotas.startCompletePerSecond)
  if (!snapshot.direct.sealed) {
    checkAggregate(snapshot.direct.digests, headers)
    snapshot.direct.sealed = true
    snapshot.completesAtMs = Date.now() + lab.timing.completeMs
  }
  return jsonAnswer(202, { Status: snapshot.state })
}

function checkAggregate(digests: Map<number, Buffer>, headers: Record<string, string>): void {
  const count = integer(headers['x-amz-changedblockscount'], 'ChangedBlocksCount', 0, Number.MAX_SAFE_INTEGER)
  if (count !== digests.size) {
    throw validationError(
      'INVALID_PARAMETER_VALUE',
      `ChangedBlocksCount is ${count}, but ${digests.size} blocks were written.`,
    )
  }
  const checksum = headers['x-amz-checksum']
  if (checksum === undefined) return
  if (headers['x-amz-checksum-algorithm'] !== 'SHA256' || headers['x-amz-checksum-aggregation-method'] !== 'LINEAR') {
    throw validationError(
      'INVALID_PARAMETER_VALUE',
      'A checksum needs the algorithm SHA256 and the aggregation method LINEAR.',
    )
  }
  const hash = createHash('sha256')
  for (const index of [...digests.keys()].sort((a, b) => a - b)) hash.update(digests.get(index) ?? '')
  if (hash.digest('base64') !== checksum) {
    throw validationError(
      'INVALID_PARAMETER_VALUE',
      'The aggregated checksum does not match the blocks that were written.',
    )
  }
}
