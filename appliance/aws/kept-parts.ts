// Parts that an interrupted upload left in S3: listing them, and telling which agree with the stream as it now comes.
import { createHash } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { ListPartsCommand } from '@aws-sdk/client-s3'
import { awsCode } from './aws-errors.ts'
import type { AwsClients } from './clients.ts'
import type { SentPart } from './s3-part.ts'

/** A part as S3 lists it. */
export interface ListedPart {
  sizeBytes: number
  /** Base64; absent if the part was sent without one. */
  crc32: string | undefined
  etag: string | undefined
}

/**
 * All parts of an upload, by their number from 1; undefined if S3 does not know the upload: it was completed, aborted,
 * or has expired.
 * @param input.pageSize parts a page; S3's own is 1,000.
 */
export async function listParts(input: {
  clients: AwsClients
  target: { Bucket: string; Key: string; ExpectedBucketOwner: string }
  uploadId: string
  signal?: AbortSignal | undefined
  pageSize?: number
}): Promise<Map<number, ListedPart> | undefined> {
  const { clients, target, uploadId, signal, pageSize } = input
  const found = new Map<number, ListedPart>()
  let marker: string | undefined
  for (;;) {
    const command = new ListPartsCommand({
      ...target,
      UploadId: uploadId,
      MaxParts: pageSize,
      PartNumberMarker: marker,
    })
    try {
      const page = await clients.call('s3:ListMultipartUploadParts', sdk => clients.s3.send(command, sdk), { signal })
      for (const { PartNumber: number, Size: sizeBytes, ChecksumCRC32: crc, ETag: etag } of page.Parts ?? []) {
        if (number !== undefined && sizeBytes !== undefined) found.set(number, { sizeBytes, crc32: crc, etag })
      }
      if (page.IsTruncated !== true || page.NextPartNumberMarker === undefined) return found
      marker = page.NextPartNumberMarker
    } catch (thrown) {
      if (awsCode(thrown) === 'NoSuchUpload') return undefined
      throw thrown
    }
  }
}

/** 4 MiB take MD5 some 6 ms: no longer is the event loop held. */
const sliceBytes = 4 * 1024 * 1024

/**
 * What Complete needs of the listed part if it holds exactly these bytes; undefined if it does not, or if that cannot be
 * proven. 32 bits of CRC are too few to stand for a whole part, so the ETag has to be its MD5 as well: S3 makes it that
 * unless the bucket encrypts with a KMS key (S3 API Reference, Object), in which case nothing is kept.
 */
export async function keptPart(
  part: Uint8Array,
  index: number,
  listed: ListedPart | undefined,
): Promise<SentPart | undefined> {
  if (listed === undefined || listed.crc32 === undefined || listed.sizeBytes !== part.length) return undefined
  const md5Listed = /^"?([0-9a-f]{32})"?$/i.exec(listed.etag ?? '')?.[1]?.toLowerCase()
  if (md5Listed === undefined) return undefined
  let crc = 0
  for await (const slice of slices(part)) crc = crc32(slice, crc)
  const crcBytes = Buffer.alloc(4)
  crcBytes.writeUInt32BE(crc)
  if (crcBytes.toString('base64') !== listed.crc32) return undefined
  const md5 = createHash('md5')
  for await (const slice of slices(part)) md5.update(slice)
  if (md5.digest('hex') !== md5Listed) return undefined
  return { PartNumber: index + 1, ETag: listed.etag, ChecksumCRC32: listed.crc32, crc }
}

async function* slices(part: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < part.length; offset += sliceBytes) {
    if (offset > 0) await turn()
    yield part.subarray(offset, offset + sliceBytes)
  }
}
