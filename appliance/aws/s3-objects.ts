// Removing what uploads leave in S3: objects, and parts of uploads that were never completed.
import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
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

/** Deletes an object and makes sure that it is gone; one that does not exist is no error. */
export async function deleteObject(input: ObjectInput & { signal?: AbortSignal }): Promise<void> {
  const { clients, bucket, key, accountId, signal } = input
  const target = { Bucket: bucket, Key: key, ExpectedBucketOwner: accountId }
  await clients.call('s3:DeleteObject', sdk => clients.s3.send(new DeleteObjectCommand(target), sdk), { signal })
  try {
    await clients.call('s3:GetObject', sdk => clients.s3.send(new HeadObjectCommand(target), sdk), { signal })
  } catch (thrown) {
    if (awsStatus(thrown) === 404) return
    throw thrown
  }
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
  signal?: AbortSignal
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
export async function abortUploads(input: ObjectInput & { uploadId?: string }): Promise<void> {
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
