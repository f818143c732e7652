// Multipart upload that a run pushes bytes into: bounded shared memory, parts repeated whole, gone on with after a restart, nothing left behind on abort.
import type { AwsClients } from './clients.ts'
import { keptPart } from './kept-parts.ts'
import type { PartBuffers } from './part-buffers.ts'
import { beginMultipart, joinParts, uploadFailed } from './s3-multipart.ts'
import { abortUploads } from './s3-objects.ts'
import { type SentPart, sendPart } from './s3-part.ts'

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
  /**
   * This key's upload was begun before, by a process that ended. Parts of `uploadId` that agree with the stream as it
   * now comes are kept. Without an id, or if S3 no longer knows it, whatever the earlier life left under the key (its
   * unfinished uploads, its object) is removed and a new upload begun. `partBytes` must be what it was.
   */
  resume?: { uploadId?: string | undefined } | undefined
  /** Awaited with the id of a new upload before the first part is sent: whoever stores it can go on from here. */
  onUploadId?: (uploadId: string) => Promise<void>
  signal?: AbortSignal
  /**
   * Called with every part as soon as it is full, while it is sent; `part` stands on a SharedArrayBuffer. Its memory
   * is used again once the promise is settled and S3 has the part. A rejection fails the upload.
   */
  onPart?: (part: Uint8Array, index: number) => Promise<void> | void
  /** Bytes that S3 has acknowledged, in all, kept ones included. */
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
  /**
   * Ends if that has not been done, joins the parts, and checks the object's size and checksum. The key holds the run's
   * id: another object that stands there already is this run's own from an earlier life, and is replaced.
   */
  complete(): Promise<UploadedObject>
  /** Stops at once and frees the memory; S3 keeps the parts for `resume`. After that only `abort` may follow. */
  suspend(): Promise<void>
  /** Stops at once and removes every part; may be called at any time, again, and after the signal was aborted. */
  abort(): Promise<void>
  readonly uploadId: string
  /** Bytes that S3 has, kept ones included. */
  readonly uploadedBytes: number
  /** Bytes that S3 had from an earlier life and that were not sent again. */
  readonly keptBytes: number
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

/** Starts a multipart upload, or goes on with one. Whoever calls it must end it by `complete`, `abort` or `suspend`. */
export async function createPartUpload(options: PartUploadOptions): Promise<PartUpload> {
  const { clients, bucket, key, accountId, partBytes, buffers, onPart, onProgress } = options
  const owner = Symbol(key)
  const stop = new AbortController()
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal])
  const target = { Bucket: bucket, Key: key, ExpectedBucketOwner: accountId }
  const { uploadId, listed } = await beginMultipart({ ...options, target, signal })

  const parts: SentPart[] = []
  const pending = new Set<Promise<void>>()
  let filling: Buffer | undefined
  let filled = 0
  let partCount = 0
  let writtenBytes = 0
  let uploadedBytes = 0
  let keptBytes = 0
  let state: 'open' | 'complete' | 'suspended' | 'aborted' = 'open'
  let failure: { reason: unknown } | undefined

  function fail(reason: unknown): void {
    failure ??= { reason }
    stop.abort(reason)
  }

  function throwIfFailed(): void {
    if (failure !== undefined) throw failure.reason
    options.signal?.throwIfAborted()
    if (state !== 'open') throw uploadFailed(key, `the upload is already ${state}`)
  }

  /** Hands the full buffer to S3 and to `onPart`; its memory is free when both are done with it. */
  function dispatch(buffer: Buffer, length: number): void {
    const index = partCount++
    const part = buffer.subarray(0, length)
    const upload = async () => {
      if (index >= maxParts)
        throw uploadFailed(key, `the stream is longer than ${maxParts} parts of ${partBytes} bytes`)
      const kept = await keptPart(part, index, listed.get(index + 1))
      signal.throwIfAborted()
      parts[index] = kept ?? (await sendPart({ clients, target, uploadId, index, part, signal }))
      if (kept !== undefined) keptBytes += length
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
      filling ??= await acquire()
      const count = Math.min(chunk.length - offset, partBytes - filled)
      filling.set(chunk.subarray(offset, offset + count), filled)
      filled += count
      offset += count
      writtenBytes += count
      if (filled === partBytes) flush()
    }
  }

  async function acquire(): Promise<Buffer> {
    const buffer = await buffers.acquire(owner, partBytes, signal)
    // Granted in the very moment of an abort: nobody else would give it back.
    if (signal.aborted) buffers.release(owner, buffer)
    signal.throwIfAborted()
    return buffer
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
    if (parts.length === 0) throw uploadFailed(key, 'nothing was written')
    const etag = await joinParts({ clients, target, uploadId, parts, sizeBytes: writtenBytes, signal })
    state = 'complete'
    return { bucket, key, sizeBytes: writtenBytes, partCount: parts.length, etag }
  }

  async function suspend(): Promise<void> {
    if (state !== 'open') return
    state = 'suspended'
    stop.abort(uploadFailed(key, 'the upload was suspended'))
    await settle()
  }

  async function abort(): Promise<void> {
    if (state === 'complete') return
    state = 'aborted'
    stop.abort(uploadFailed(key, 'the upload was aborted'))
    await Promise.all([settle(), abortUploads({ clients, bucket, key, accountId, uploadId })])
  }

  return {
    write,
    end,
    complete,
    suspend,
    abort,
    uploadId,
    get uploadedBytes() {
      return uploadedBytes
    },
    get keptBytes() {
      return keptBytes
    },
    get writtenBytes() {
      return writtenBytes
    },
  }
}
