// The connector's bucket as it is found, changing nothing: is it there, and which of its protections are.
import { HeadBucketCommand } from '@aws-sdk/client-s3'
import { awsStatus } from './aws-errors.ts'
import { bucketProtections, type ProtectionInput } from './bucket-protection.ts'

/** Names of the protections that do not stand; undefined when there is no such bucket. @throws ApplianceError as AWS refuses */
export async function missingProtections(input: ProtectionInput): Promise<string[] | undefined> {
  const { clients, bucket, accountId, signal } = input
  const head = new HeadBucketCommand({ Bucket: bucket, ExpectedBucketOwner: accountId })
  try {
    await clients.call('s3:ListBucket', sdk => clients.s3.send(head, sdk), { signal })
  } catch (thrown) {
    if (awsStatus(thrown) === 404) return undefined
    throw thrown
  }
  const missing: string[] = []
  for (const protection of bucketProtections(input)) if (!(await protection.stands())) missing.push(protection.name)
  return missing
}
