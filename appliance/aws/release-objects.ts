// Release bundles in the connector's bucket: what is there, and the bytes of one.
import type { Readable } from 'node:stream'
import { GetObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3'
import { ApplianceError } from '../errors.ts'
import { awsCode } from './aws-errors.ts'
import type { AwsClients } from './clients.ts'
import { releasesPrefix } from './permissions.ts'

export interface ReleaseObjectsInput {
  clients: AwsClients
  bucket: string
  accountId: string
  signal?: AbortSignal | undefined
}

export interface ReleaseObject {
  /** Below `releasesPrefix`. */
  key: string
  sizeBytes: number
  modifiedAt?: string
}

/** What stands below `releases/` and is named as a bundle. */
export async function listReleaseObjects(input: ReleaseObjectsInput): Promise<ReleaseObject[]> {
  const { clients, bucket, accountId, signal } = input
  const found: ReleaseObject[] = []
  let token: string | undefined
  do {
    const command = new ListObjectsV2Command({
      ...{ Bucket: bucket, Prefix: releasesPrefix, ExpectedBucketOwner: accountId },
      ContinuationToken: token,
    })
    const page = await clients.call('s3:ListBucket', sdk => clients.s3.send(command, sdk), { signal })
    for (const { Key: key = '', Size: sizeBytes = 0, LastModified: modified } of page.Contents ?? [])
      if (key.endsWith('.tar')) found.push({ key, sizeBytes, ...(modified && { modifiedAt: modified.toISOString() }) })
    token = page.NextContinuationToken
  } while (token !== undefined)
  return found
}

/** @throws {ApplianceError} NOT_FOUND */
export async function openReleaseObject(
  input: ReleaseObjectsInput & { key: string },
): Promise<{ content: Readable; sizeBytes: number | undefined }> {
  const { clients, bucket, accountId, key, signal } = input
  const command = new GetObjectCommand({ Bucket: bucket, Key: key, ExpectedBucketOwner: accountId })
  try {
    const { Body: body, ContentLength: sizeBytes } = await clients.call(
      's3:GetObject',
      sdk => clients.s3.send(command, sdk),
      { signal },
    )
    // In Node the SDK gives the answer's own stream.
    return { content: body as Readable, sizeBytes }
  } catch (thrown) {
    if (awsCode(thrown) !== 'NoSuchKey') throw thrown
    throw new ApplianceError('NOT_FOUND', `There is no ${key} in the bucket ${bucket}.`, {
      cause: thrown,
      hint: 'Look at the list again.',
    })
  }
}
