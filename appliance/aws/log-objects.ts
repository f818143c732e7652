// Log bundles in the connector's bucket.
import { PutObjectCommand } from '@aws-sdk/client-s3'
import type { AwsClients } from './clients.ts'

/** Puts one bundle, whole: retries need its bytes again. */
export async function putLogBundle(input: {
  clients: AwsClients
  bucket: string
  accountId: string
  /** Below `logsPrefix`. */
  key: string
  body: Uint8Array
  signal?: AbortSignal
}): Promise<void> {
  const { clients, bucket, accountId, key, body, signal } = input
  const command = new PutObjectCommand({
    Bucket: bucket,
    Key: key,
    Body: body,
    ContentType: 'application/gzip',
    ExpectedBucketOwner: accountId,
  })
  await clients.call('s3:PutObject', sdk => clients.s3.send(command, sdk), { signal })
}
