// Multipart upload that a run pushes bytes into: bounded shared memory, parts repeated whole, nothing left behind on abort.
import { crc32 } from 'node:zlib'
import { CompleteMultipartUploadCommand, CreateMultipartUploadCommand, HeadObjectCommand } from '@aws-sdk/client-s3'
import { ApplianceError } from '../errors.ts'
import { awsCode, awsStatus } from './aws-errors.ts'
import type { AwsClients } from './clients.ts'
import type { PartBuffers } from './part-buffers.ts'
import { abortUploads } from './s3-objects.ts'
import { type SentPart, sendPart } from './s3-part.ts'
import { toObjectTagging } from './tags.ts'

const mib = 1024 * 1024
/** S3's limit. */
const maxParts = 10_000
/** S3 wants 5 MiB at least; 8 keeps requests per second low and memory small. */
const minPartBytes = 8 * mib

export interface PartUploadOptions {
  clients: AwsClients
  bucket: string
  key: string
  /** The bucket's owner, without which a bucket made by a stranger under our name would take the disks. */
  accountId: string
  /** From `partSizeFor`. */
  partBytes: number
  /** Shared by all uploads. */
  buffers: PartBuffers
  tags: Record<string, string>
  signal?: AbortSignal
  /**
   * Called with every part as soon as it is full, while it is sent; `part` stands on a SharedArrayBuffer. Its memory
   * is used again once the promise is settled and S3 has the part. A rejection fails the upload.
   */
  onPart?: (part: Uint8Array, index: number) => Promise<void> | void
  /** Bytes that S3 has acknowledged, in all. */
  onProgress?: (uploadedBytes: number) => void
}

export interface UploadedObject {
  bucket: string
  key: string
  sizeBytes: number
  partCount: number
  etag: string
}

export interface PartUpload {
  /** Takes the bytes over (they are copied) and waits while memory is short. One call at a time. */
  write(chunk: Uint8Array): Promise<void>
  /** Sends what is left, and waits until S3 and `onPart` have all of it: after that the stream can be judged. */
  end(): Promise<void>
  /** Ends if that has not been done, joins the parts, and checks the object's size and checksum. */
  complete(): Promise<UploadedObject>
  /** Stops at once and removes every part; may be called at any time, again, and after the signal was aborted. */
  abort(): Promise<void>
  readonly uploadedBytes: number
  readonly writtenBytes: number
}

/**
 * The part size with which the stream of a disk fits 10,000 parts even if nothing of it can be compressed: deflate
 * stores such a grain of 65,536 bytes in at most 66,560 (marker and padding included), and the tables add 2.5 KiB per 32 MiB.
 */
export function partSizeFor(capacityBytes: number): number {
  const worstStreamBytes = capacityBytes * (66_560 / 65_536 + 2_560 / (32 * mib)) + mib
  return Math.max(minPartBytes, Math.ceil(worstStreamBytes / maxParts / mib) * mib)
}

/** Starts a multipart upload. Whoever calls it must end it by `complete` or `abort`. */
export async function createPartUpload(options: PartUploadOptions): Promise<PartUpload> {
  const { clients, bucket, key, accountId, partBytes, buffers, onPart, onProgress } = options
  const owner = Symbol(key)
  const stop = new AbortController()
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal])
  const target = { Bucket: bucket, Key: key, ExpectedBucketOwner: accountId }
  const create = new CreateMultipartUploadCommand({
    ...target,
    ChecksumAlgorithm: 'CRC32',
    ContentType: 'application/x-vmdk',
    Tagging: toObjectTagging(options.tags),
  })
  const { UploadId: uploadId } = await clients.call('s3:PutObject', sdk => clients.s3.send(create, sdk), {
    signal,
    creates: true,
  })
  if (uploadId === undefined) throw broken(key, 'S3 started an upload without an id')
  if (signal.aborted) {
    await abortUploads({ clients, bucket, key, accountId, uploadId })
    throw signal.reason
  }

  const parts: SentPart[] = []
  const pending = new Set<Promise<void>>()
  let filling: Buffer | undefined
  let filled = 0
  let partCount = 0
  let writtenBytes = 0
  let uploadedBytes = 0
  let state: 'open' | 'complete' | 'aborted' = 'open'
  let failure: { reason: unknown } | undefined

  function fail(reason: unknown): void {
    failure ??= { reason }
    stop.abort(reason)
  }

  function throwIfFailed(): void {
    if (failure !== undefined) throw failure.reason
    options.signal?.throwIfAborted()
    if (state !== 'open') throw broken(key, `the upload is already ${state}`)
  }

  /** Hands the full buffer to S3 and to `onPart`; its memory is free when both are done with it. */
  function dispatch(buffer: Buffer, length: number): void {
    const index = partCount++
    const part = buffer.subarray(0, length)
    const upload = async () => {
      if (index >= maxParts) throw broken(key, `the stream is longer than ${maxParts} parts of ${partBytes} bytes`)
      parts[index] = await sendPart({ clients, target, uploadId: uploadId as string, index, part, signal })
      uploadedBytes += length
      onProgress?.(uploadedBytes)
    }
    const look = async () => onPart?.(part, index)
    const work = Promise.all([upload().catch(fail), look().catch(fail)]).then(() => buffers.release(owner, buffer))
    pending.add(work)
    void work.finally(() => pending.delete(work))
  }

  async function write(chunk: Uint8Array): Promise<void> {
    let offset = 0
    while (offset < chunk.length) {
      throwIfFailed()
      filling ??= await buffers.acquire(owner, partBytes, signal)
      const count = Math.min(chunk.length - offset, partBytes - filled)
      filling.set(chunk.subarray(offset, offset + count), filled)
      filled += count
      offset += count
      writtenBytes += count
      if (filled === partBytes) flush()
    }
  }

  function flush(): void {
    if (filling === undefined) return
    const [buffer, length] = [filling, filled]
    filling = undefined
    filled = 0
    dispatch(buffer, length)
  }

  async function settle(): Promise<void> {
    await Promise.all(pending)
    if (filling !== undefined) buffers.release(owner, filling)
    filling = undefined
  }

  async function end(): Promise<void> {
    throwIfFailed()
    flush()
    await settle()
    throwIfFailed()
  }

  async function complete(): Promise<UploadedObject> {
    await end()
    if (parts.length === 0) throw broken(key, 'nothing was written')
    const join = new CompleteMultipartUploadCommand({
      ...target,
      UploadId: uploadId,
      // The key holds the run's id: whatever stands there already is not this upload.
      IfNoneMatch: '*',
      MultipartUpload: { Parts: parts.map(({ crc: _, ...part }) => part) },
    })
    try {
      // Its answer is awaited even when the run is cancelled: an object that appeared after the clean-up would stay.
      await clients.call('s3:PutObject', sdk => clients.s3.send(join, sdk), { signal, creates: true })
    } catch (thrown) {
      // An answer that was lost leaves the upload completed: the object itself is asked below.
      const lostAnswer = awsCode(thrown) === 'NoSuchUpload' || awsStatus(thrown) === 412
      if (!lostAnswer) throw thrown
    }
    const head = new HeadObjectCommand({ ...target, ChecksumMode: 'ENABLED' })
    const object = await clients.call('s3:GetObject', sdk => clients.s3.send(head, sdk), { signal })
    const checksum = compositeChecksum(parts.map(part => part.crc))
    if (object.ContentLength !== writtenBytes || (object.ChecksumCRC32 ?? checksum) !== checksum) {
      throw broken(
        key,
        `S3 holds ${object.ContentLength} bytes with checksum ${object.ChecksumCRC32}, not ${writtenBytes} with ${checksum}`,
      )
    }
    state = 'complete'
    return { bucket, key, sizeBytes: writtenBytes, partCount: parts.length, etag: object.ETag ?? '' }
  }

  async function abort(): Promise<void> {
    if (state === 'complete') return
    state = 'aborted'
    stop.abort(broken(key, 'the upload was aborted'))
    await Promise.all([settle(), abortUploads({ clients, bucket, key, accountId, uploadId: uploadId as string })])
  }

  return {
    write,
    end,
    complete,
    abort,
    get uploadedBytes() {
      return uploadedBytes
    },
    get writtenBytes() {
      return writtenBytes
    },
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

function broken(key: string, what: string): ApplianceError {
  return new ApplianceError('UPLOAD_FAILED', `Upload of ${key}: ${what}.`, {
    hint: 'Run again: the upload starts afresh.',
  })
}
