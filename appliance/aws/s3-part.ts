// One part on its way to S3: its checksum and its signature's hash are computed once, however often it is sent.
import { hash } from 'node:crypto'
import { UploadPartCommand } from '@aws-sdk/client-s3'
import type { AwsClients } from './clients.ts'

export interface PartInput {
  clients: AwsClients
  target: { Bucket: string; Key: string; ExpectedBucketOwner: string }
  uploadId: string
  /** From 0; S3 counts from 1. */
  index: number
  part: Buffer
  crc: number
  signal: AbortSignal
}

export interface SentPart {
  PartNumber: number
  ETag: string | undefined
  ChecksumCRC32: string
}

/**
 * Sends one part, repeated whole on failure. S3 checks the CRC32. Over TLS the payload is left out of the signature, as
 * S3 allows there: TLS protects it, and hashing costs more CPU than encrypting. Over plain http (the lab) it is hashed once.
 */
export async function sendPart({ clients, target, uploadId, index, part, crc, signal }: PartInput): Promise<SentPart> {
  const crcBytes = Buffer.alloc(4)
  crcBytes.writeUInt32BE(crc)
  const checksum = crcBytes.toString('base64')
  const payloadHash = clients.s3OverTls ? 'UNSIGNED-PAYLOAD' : hash('sha256', part, 'hex')
  const { ETag } = await clients.call(
    's3:PutObject',
    sdk => {
      const command = new UploadPartCommand({
        ...target,
        UploadId: uploadId,
        PartNumber: index + 1,
        Body: part,
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
  return { PartNumber: index + 1, ETag, ChecksumCRC32: checksum }
}
