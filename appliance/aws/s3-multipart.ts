// A multipart upload's two ends: beginning it, anew or where an earlier life left off, and joining its parts to a proven object.
import { crc32 } from 'node:zlib'
import { CompleteMultipartUploadCommand, CreateMultipartUploadCommand } from '@aws-sdk/client-s3'
import { ApplianceError } from '../errors.ts'
import { awsCode, awsStatus } from './aws-errors.ts'
import type { AwsClients } from './clients.ts'
import { type ListedPart, listParts } from './kept-parts.ts'
import { pause } from './retry.ts'
import { abortUploads, deleteObject, headObject, type ObjectHead } from './s3-objects.ts'
import type { SentPart } from './s3-part.ts'
import { toObjectTagging } from './tags.ts'

/** A conflict that lasts longer than some seconds is another appliance's doing. */
const joinAttempts = 4

export interface UploadTarget {
  Bucket: string
  Key: string
  ExpectedBucketOwner: string
}

export interface BeginMultipartInput {
  clients: AwsClients
  target: UploadTarget
  tags: Record<string, string>
  /** As in `PartUploadOptions`. */
  resume?: { uploadId?: string | undefined } | undefined
  onUploadId?: ((uploadId: string) => Promise<void>) | undefined
  signal: AbortSignal
}

/** The upload to go on with and its parts, or a new one without any. */
export async function beginMultipart(
  input: BeginMultipartInput,
): Promise<{ uploadId: string; listed: Map<number, ListedPart> }> {
  const { clients, target, resume, onUploadId, signal } = input
  const object = { clients, bucket: target.Bucket, key: target.Key, accountId: target.ExpectedBucketOwner }
  if (resume !== undefined) {
    const { uploadId } = resume
    const listed = uploadId === undefined ? undefined : await listParts({ clients, target, uploadId, signal })
    if (uploadId !== undefined && listed !== undefined) return { uploadId, listed }
    await abortUploads({ ...object, uploadId })
    await deleteObject({ ...object, signal })
  }
  const create = new CreateMultipartUploadCommand({
    ...target,
    ChecksumAlgorithm: 'CRC32',
    ContentType: 'application/x-vmdk',
    Tagging: toObjectTagging(input.tags),
  })
  const { UploadId: uploadId } = await clients.call('s3:PutObject', sdk => clients.s3.send(create, sdk), {
    signal,
    creates: true,
  })
  if (uploadId === undefined) throw uploadFailed(target.Key, 'S3 started an upload without an id')
  try {
    signal.throwIfAborted()
    await onUploadId?.(uploadId)
  } catch (thrown) {
    await abortUploads({ ...object, uploadId })
    throw thrown
  }
  return { uploadId, listed: new Map() }
}

/**
 * Joins the parts, and proves by size and checksum that the object is made of them.
 * @returns the object's ETag.
 * @throws ApplianceError UPLOAD_FAILED if it is not; a new upload is needed then.
 */
export async function joinParts(input: {
  clients: AwsClients
  target: UploadTarget
  uploadId: string
  parts: SentPart[]
  sizeBytes: number
  signal: AbortSignal
}): Promise<string> {
  const { clients, target, uploadId, parts, sizeBytes, signal } = input
  const object = { clients, bucket: target.Bucket, key: target.Key, accountId: target.ExpectedBucketOwner, signal }
  const checksum = compositeChecksum(parts.map(part => part.crc))
  const join = new CompleteMultipartUploadCommand({
    ...target,
    UploadId: uploadId,
    // What stands there already is looked at before it is replaced.
    IfNoneMatch: '*',
    MultipartUpload: { Parts: parts.map(({ crc: _, ...part }) => part) },
  })
  // Its answer is awaited even when the run is cancelled: an object that appeared after the clean-up would stay.
  const send = () => clients.call('s3:PutObject', sdk => clients.s3.send(join, sdk), { signal, creates: true })
  let found: ObjectHead | undefined
  for (let attempt = 1; attempt <= joinAttempts; attempt++) {
    const refused = await doubt(target.Key, send)
    found = await headObject(object)
    if (isWanted() || (refused !== 412 && refused !== 409)) break
    // 412: the run's own object, from an earlier life. 409: another write of the key, be it our own lost request.
    if (refused === 412) await deleteObject(object)
    else await pause(Math.random() * 1_000 * attempt, signal)
  }
  if (found === undefined || !isWanted()) {
    const held = found === undefined ? 'no object' : `${found.sizeBytes} bytes with checksum ${found.crc32}`
    throw uploadFailed(target.Key, `S3 holds ${held}, not ${sizeBytes} bytes with ${checksum}`)
  }
  return found.etag

  function isWanted(): boolean {
    return found?.sizeBytes === sizeBytes && found.crc32 === checksum
  }
}

/** The status of a refusal that an answer lost before it explains; the object itself then tells. Undefined if there was none. */
async function doubt(key: string, send: () => Promise<unknown>): Promise<number | undefined> {
  try {
    await send()
    return undefined
  } catch (thrown) {
    // A late request of a killed process has replaced a part since: the next life of the upload sees it in the list.
    if (awsCode(thrown) === 'InvalidPart') throw uploadFailed(key, 'a part is not the one that was sent', thrown)
    const status = awsStatus(thrown)
    if (awsCode(thrown) === 'NoSuchUpload' || status === 412 || status === 409) return status
    throw thrown
  }
}

/** S3's composite CRC32: the CRC over the parts' raw CRCs, and how many there were. */
function compositeChecksum(crcs: number[]): string {
  const raw = Buffer.alloc(crcs.length * 4)
  for (const [index, crc] of crcs.entries()) raw.writeUInt32BE(crc, index * 4)
  const whole = Buffer.alloc(4)
  whole.writeUInt32BE(crc32(raw))
  return `${whole.toString('base64')}-${crcs.length}`
}

export function uploadFailed(key: string, what: string, cause?: unknown): ApplianceError {
  return new ApplianceError('UPLOAD_FAILED', `Upload of ${key}: ${what}.`, {
    cause,
    hint: 'Run again: the upload starts afresh.',
  })
}
