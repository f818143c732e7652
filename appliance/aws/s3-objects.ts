// What uploads leave in S3: looking at objects, and removing them and parts of uploads that were never completed.
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
} from '@aws-sdk/client-s3'
import { ApplianceError } from '../errors.ts'
import { awsCode, awsStatus } from './aws-errors.ts'
import type { AwsClients } from './clients.ts'
import { pause } from './retry.ts'

/** Cleaning up has a time of its own, as the run's signal may be aborted already. */
const cleanupTimeoutMs = 60_000

export interface ObjectInput {
  clients: AwsClients
  bucket: string
  key: string
  accountId: string
}

export interface UnfinishedUpload {
  key: string
  uploadId: string
  initiatedAt: Date | undefined
}

export interface ObjectHead {
  sizeBytes: number
  etag: string
  /** Base64, with the number of parts behind a dash if it was joined of them; absent if it was put without one. */
  crc32: string | undefined
}

/** An object as S3 describes it; undefined if there is none. */
export async function headObject(
  input: ObjectInput & { signal?: AbortSignal | undefined },
): Promise<ObjectHead | undefined> {
  const { clients, bucket, key, accountId, signal } = input
  const target = { Bucket: bucket, Key: key, ExpectedBucketOwner: accountId }
  const head = new HeadObjectCommand({ ...target, ChecksumMode: 'ENABLED' })
  try {
    const found = await clients.call('s3:GetObject', sdk => clients.s3.send(head, sdk), { signal })
    return { sizeBytes: found.ContentLength ?? 0, etag: found.ETag ?? '', crc32: found.ChecksumCRC32 }
  } catch (thrown) {
    const status = awsStatus(thrown)
    if (status === 404) return undefined
    // A HEAD is refused without words: expired credentials would look like any other bad request.
    if (status === 400 || status === 403) await askForWords()
    throw thrown
  }

  async function askForWords(): Promise<void> {
    const get = new GetObjectCommand({ ...target, Range: 'bytes=0-0' })
    const { Body: body } = await clients.call('s3:GetObject', sdk => clients.s3.send(get, sdk), { signal })
    await body?.transformToByteArray()
  }
}

/** Deletes an object and makes sure that it is gone; one that does not exist is no error. */
export async function deleteObject(input: ObjectInput & { signal?: AbortSignal | undefined }): Promise<void> {
  const { clients, bucket, key, accountId, signal } = input
  const command = new DeleteObjectCommand({ Bucket: bucket, Key: key, ExpectedBucketOwner: accountId })
  await clients.call('s3:DeleteObject', sdk => clients.s3.send(command, sdk), { signal })
  if ((await headObject({ clients, bucket, key, accountId, signal })) === undefined) return
  throw new ApplianceError('UPLOAD_FAILED', `s3://${bucket}/${key} still exists after it was deleted.`, {
    hint: 'Look whether the bucket has versioning or an object lock, and delete the object there.',
  })
}

/** Every upload of the bucket that was begun and neither completed nor aborted. */
export async function listUnfinishedUploads(input: {
  clients: AwsClients
  bucket: string
  accountId: string
  prefix?: string
  signal?: AbortSignal | undefined
}): Promise<UnfinishedUpload[]> {
  const { clients, bucket, accountId, prefix, signal } = input
  const found: UnfinishedUpload[] = []
  let marker: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } = {}
  for (;;) {
    const command = new ListMultipartUploadsCommand({
      Bucket: bucket,
      ExpectedBucketOwner: accountId,
      Prefix: prefix,
      ...marker,
    })
    const page = await clients.call('s3:ListBucketMultipartUploads', sdk => clients.s3.send(command, sdk), { signal })
    for (const { Key: key, UploadId: uploadId, Initiated: initiatedAt } of page.Uploads ?? []) {
      if (key !== undefined && uploadId !== undefined) found.push({ key, uploadId, initiatedAt })
    }
    if (page.IsTruncated !== true) return found
    marker = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker }
  }
}

/**
 * Aborts every unfinished upload of one key until S3 knows none: a lost answer to CreateMultipartUpload leaves one whose
 * id nobody learnt, and parts that arrive during an abort need another abort (S3 API reference, AbortMultipartUpload).
 */
export async function abortUploads(input: ObjectInput & { uploadId?: string | undefined }): Promise<void> {
  const { clients, bucket, key, accountId } = input
  const signal = AbortSignal.timeout(cleanupTimeoutMs)
  const ids = new Set(input.uploadId === undefined ? [] : [input.uploadId])
  for (const upload of await listUnfinishedUploads({ clients, bucket, accountId, prefix: key, signal })) {
    if (upload.key === key) ids.add(upload.uploadId)
  }
  for (const uploadId of ids) {
    const target = { Bucket: bucket, Key: key, UploadId: uploadId, ExpectedBucketOwner: accountId }
    for (;;) {
      const abort = new AbortMultipartUploadCommand(target)
      await whileItExists(() => clients.call('s3:AbortMultipartUpload', sdk => clients.s3.send(abort, sdk), { signal }))
      const list = new ListPartsCommand({ ...target, MaxParts: 1 })
      const left = await whileItExists(() =>
        clients.call('s3:ListMultipartUploadParts', sdk => clients.s3.send(list, sdk), { signal }),
      )
      if (left === undefined) break
      await pause(500, signal)
    }
  }
}

async function whileItExists<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (thrown) {
    if (awsCode(thrown) === 'NoSuchUpload') return undefined
    throw thrown
  }
}
