// The protections of the connector's bucket: each with a way to see whether it stands, and to set it.
import { isDeepStrictEqual } from 'node:util'
import {
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketPolicyCommand,
  GetBucketTaggingCommand,
  GetPublicAccessBlockCommand,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutBucketTaggingCommand,
  PutPublicAccessBlockCommand,
} from '@aws-sdk/client-s3'
import { awsCode, awsStatus } from './aws-errors.ts'
import type { AwsClients } from './clients.ts'
import { connectorTagKey, logsPrefix, runsPrefix } from './permissions.ts'

export interface ProtectionInput {
  clients: AwsClients
  bucket: string
  accountId: string
  partition: string
  connectorId: string
  signal?: AbortSignal | undefined
}

export interface BucketProtection {
  name: string
  stands(): Promise<boolean>
  set(): Promise<unknown>
}

/**
 * S3 counts both from the *initiation* of an upload: the object that a first run over 100 Mbit/s completes on its tenth
 * day must live long enough to be imported. The connector deletes objects itself; this is for when it cannot.
 */
const lifecycleDays = 14
/** Support looks at what happened this quarter. */
const logsDays = 90

export function bucketProtections(input: ProtectionInput): BucketProtection[] {
  const { clients, bucket, accountId, partition, connectorId, signal } = input
  const { s3 } = clients
  const target = { Bucket: bucket, ExpectedBucketOwner: accountId }
  const arn = `arn:${partition}:s3:::${bucket}`
  const accessBlock = {
    BlockPublicAcls: true,
    IgnorePublicAcls: true,
    BlockPublicPolicy: true,
    RestrictPublicBuckets: true,
  }
  const tlsOnly = {
    Sid: 'HoistTlsOnly',
    Effect: 'Deny',
    Principal: '*',
    Action: 's3:*',
    Resource: [arn, `${arn}/*`],
    Condition: { Bool: { 'aws:SecureTransport': 'false' } },
  }

  return [
    {
      name: 'the public access block',
      async stands() {
        const get = new GetPublicAccessBlockCommand(target)
        const answer = await ifSet(() =>
          clients.call('s3:GetBucketPublicAccessBlock', sdk => s3.send(get, sdk), { signal }),
        )
        return isDeepStrictEqual({ ...answer?.PublicAccessBlockConfiguration }, accessBlock)
      },
      set() {
        const put = new PutPublicAccessBlockCommand({ ...target, PublicAccessBlockConfiguration: accessBlock })
        return clients.call('s3:PutBucketPublicAccessBlock', sdk => s3.send(put, sdk), { signal })
      },
    },
    {
      name: 'the TLS-only policy',
      async stands() {
        return (await readPolicy()).some(statement => isDeepStrictEqual(statement, tlsOnly))
      },
      async set() {
        // Statements that an administrator has added stay.
        const others = (await readPolicy()).filter(statement => statement.Sid !== tlsOnly.Sid)
        const policy = { Version: '2012-10-17', Statement: [...others, tlsOnly] }
        const put = new PutBucketPolicyCommand({ ...target, Policy: JSON.stringify(policy) })
        return clients.call('s3:PutBucketPolicy', sdk => s3.send(put, sdk), { signal })
      },
    },
    {
      name: 'the encryption',
      async stands() {
        const get = new GetBucketEncryptionCommand(target)
        const answer = await ifSet(() =>
          clients.call('s3:GetEncryptionConfiguration', sdk => s3.send(get, sdk), { signal }),
        )
        const rules = answer?.ServerSideEncryptionConfiguration?.Rules ?? []
        // A stricter KMS setting of an administrator stays.
        return rules.some(rule => rule.ApplyServerSideEncryptionByDefault?.SSEAlgorithm !== undefined)
      },
      set() {
        const put = new PutBucketEncryptionCommand({
          ...target,
          ServerSideEncryptionConfiguration: {
            Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
          },
        })
        return clients.call('s3:PutEncryptionConfiguration', sdk => s3.send(put, sdk), { signal })
      },
    },
    {
      name: 'the lifecycle',
      async stands() {
        const get = new GetBucketLifecycleConfigurationCommand(target)
        const answer = await ifSet(() =>
          clients.call('s3:GetLifecycleConfiguration', sdk => s3.send(get, sdk), { signal }),
        )
        const rules = (answer?.Rules ?? []).filter(rule => rule.Status === 'Enabled')
        // The lease must not expire while the appliance is switched off: a clone would find none.
        const uploads = rules.find(rule => rule.Filter?.Prefix === runsPrefix)
        const logs = rules.find(rule => rule.Filter?.Prefix === logsPrefix)
        return (
          uploads?.Expiration?.Days === lifecycleDays &&
          uploads.AbortIncompleteMultipartUpload?.DaysAfterInitiation === lifecycleDays &&
          logs?.Expiration?.Days === logsDays
        )
      },
      set() {
        const put = new PutBucketLifecycleConfigurationCommand({
          ...target,
          LifecycleConfiguration: {
            Rules: [
              {
                ID: 'hoist',
                Status: 'Enabled',
                Filter: { Prefix: runsPrefix },
                Expiration: { Days: lifecycleDays },
                AbortIncompleteMultipartUpload: { DaysAfterInitiation: lifecycleDays },
              },
              { ID: 'hoist-logs', Status: 'Enabled', Filter: { Prefix: logsPrefix }, Expiration: { Days: logsDays } },
            ],
          },
        })
        return clients.call('s3:PutLifecycleConfiguration', sdk => s3.send(put, sdk), { signal })
      },
    },
    {
      name: 'the tags',
      async stands() {
        return (await readTags()).some(tag => tag.Key === connectorTagKey && tag.Value === connectorId)
      },
      async set() {
        const others = (await readTags()).filter(tag => tag.Key !== connectorTagKey)
        const put = new PutBucketTaggingCommand({
          ...target,
          Tagging: { TagSet: [...others, { Key: connectorTagKey, Value: connectorId }] },
        })
        return clients.call('s3:PutBucketTagging', sdk => s3.send(put, sdk), { signal })
      },
    },
  ]

  async function readPolicy(): Promise<{ Sid?: string }[]> {
    const get = new GetBucketPolicyCommand(target)
    const answer = await ifSet(() => clients.call('s3:GetBucketPolicy', sdk => s3.send(get, sdk), { signal }))
    const { Statement: found } = JSON.parse(answer?.Policy ?? '{}') as { Statement?: { Sid?: string }[] }
    return Array.isArray(found) ? found : []
  }

  async function readTags(): Promise<{ Key: string | undefined; Value: string | undefined }[]> {
    const get = new GetBucketTaggingCommand(target)
    const answer = await ifSet(() => clients.call('s3:GetBucketTagging', sdk => s3.send(get, sdk), { signal }))
    return (answer?.TagSet ?? []).map(({ Key, Value }) => ({ Key, Value }))
  }
}

/** S3 answers 404, under a name of its own each, for a setting that was never made. */
async function ifSet<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (thrown) {
    if (awsStatus(thrown) === 404 && awsCode(thrown) !== 'NoSuchBucket') return undefined
    throw thrown
  }
}
