// One part on its way to S3: its checksum and its signature's hash are computed once, however often it is sent.
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { UploadPartCommand } from '@aws-sdk/client-s3'
import { awsCode } from './aws-errors.ts'
import type { AwsClients } from './clients.ts'
import { uploadFailed } from './s3-multipart.ts'

export interface PartInput {
  clients: AwsClients
  target: { Bucket: string; Key: string; ExpectedBucketOwner: string }
  uploadId: string
  /** From 0; S3 counts from 1. */
  index: number
  part: Buffer
  signal: AbortSignal
}

export interface SentPart {
  PartNumber: number
  ETag: string | undefined
  ChecksumCRC32: string
  crc: number
}

/**
 * Sends one part, repeated whole on failure. S3 checks the CRC32. Over TLS the payload is left out of the signature, as
 * S3 allows there: TLS protects it, and hashing costs more CPU than encrypting. Over plain http (the lab) it is hashed once.
 */
export async function sendPart({ clients, target, uploadId, index, part, signal }: PartInput): Promise<SentPart> {
  const { crc, payloadHash } = await digest(part, clients.s3OverTls)
  const crcBytes = Buffer.alloc(4)
  crcBytes.writeUInt32BE(crc)
  const checksum = crcBytes.toString('base64')
  const sending = clients.call(
    's3:PutObject',
    sdk => {
      const command = new UploadPartCommand({
        ...target,
        UploadId: uploadId,
        PartNumber: index + 1,
        Body: inSlices(part),
        ContentLength: part.length,
        ChecksumCRC32: checksum,
      })
      command.middlewareStack.add(
        next => args => {
          const { headers } = args.request as { headers: Record<string, string> }
          headers['x-amz-content-sha256'] = payloadHash
          return next(args)
        },
        { step: 'build', name: 'hoistPayloadHash' },
      )
      return clients.s3.send(command, sdk)
    },
    { signal },
  )
  const { ETag } = await sending.catch(thrown => {
    // Completed by a late request of a killed process, or expired: the next life of the upload begins anew.
    throw awsCode(thrown) === 'NoSuchUpload'
      ? uploadFailed(target.Key, 'S3 no longer knows the upload', thrown)
      : thrown
  })
  return { PartNumber: index + 1, ETag, ChecksumCRC32: checksum, crc }
}

/**
 * The part as a stream, made anew for each attempt: given whole, Node's TLS would encrypt all of it into memory at once,
 * outside every budget (8 MiB parts: 70 MiB more in all).
 */
function inSlices(part: Buffer): Readable {
  let offset = 0
  return new Readable({
    highWaterMark: writeBytes,
    read() {
      const slice = part.subarray(offset, offset + writeBytes)
      offset += slice.length
      this.push(slice.length === 0 ? null : slice)
    },
  })
}

const writeBytes = 256 * 1024

/** A part of a 2 TiB disk has 210 MiB: the event loop is never held for more than some 10 ms. */
const turnBytes = 8 * 1024 * 1024

/** What one checksum has read is still in the core's cache when the other comes to it. */
const sliceBytes = 256 * 1024

async function digest(part: Buffer, overTls: boolean): Promise<{ crc: number; payloadHash: string }> {
  const sha256 = overTls ? undefined : createHash('sha256')
  let crc = 0
  for (let offset = 0; offset < part.length; offset += sliceBytes) {
    if (offset > 0 && offset % turnBytes === 0) await turn()
    const slice = part.subarray(offset, offset + sliceBytes)
    crc = crc32(slice, crc)
    sha256?.update(slice)
  }
  return { crc, payloadHash: sha256?.digest('hex') ?? 'UNSIGNED-PAYLOAD' }
}
