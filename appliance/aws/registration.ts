// The connector's place in AWS: its bucket with every protection on it, and the role that VM Import assumes.
import { randomBytes } from 'node:crypto'
import { GetRoleCommand } from '@aws-sdk/client-iam'
import {
  type BucketLocationConstraint,
  CreateBucketCommand,
  DeleteBucketCommand,
  HeadBucketCommand,
} from '@aws-sdk/client-s3'
import { ApplianceError } from '../errors.ts'
import { awsCode, awsStatus } from './aws-errors.ts'
import { bucketProtections, type ProtectionInput } from './bucket-protection.ts'
import type { AwsClients } from './clients.ts'
import { defaultBucketPrefix, vmimportTrustPolicy } from './permissions.ts'

export interface EnsureBucketInput {
  clients: AwsClients
  connectorId: string
  accountId: string
  partition: string
  region: string
  /** The bucket that the connector has noted: verified, repaired, and made again under its name if it is gone. */
  existing?: string | undefined
  /** Awaited before a bucket is made: whoever stores the name here finds the bucket again after a crash. */
  onName?: (bucket: string) => Promise<void>
  signal?: AbortSignal
}

/**
 * Finds or makes the connector's bucket, and sets what is missing of its protections.
 * @throws ApplianceError BUCKET_FOREIGN, BUCKET_WRONG_REGION, AWS_PERMISSION_MISSING
 */
export async function ensureBucket(input: EnsureBucketInput): Promise<string> {
  const { clients, accountId, region, signal } = input
  const bucket = input.existing ?? newBucketName(input.connectorId)
  const found = input.existing === undefined ? 'missing' : await findBucket(input, bucket)
  if (found === 'missing') {
    await input.onName?.(bucket)
    await createBucket(input, bucket)
  }
  try {
    await protect({ clients, bucket, accountId, partition: input.partition, connectorId: input.connectorId, signal })
  } catch (thrown) {
    if (found === 'missing') await removeEmpty(input, bucket)
    throw thrown
  }
  // Asked last, as right after its creation a bucket may answer for another Region.
  if (found === 'missing' && (await findBucket(input, bucket)) === 'missing') {
    throw new ApplianceError('BUCKET_MISSING', `The bucket ${bucket} was made in ${region} and is not there.`, {
      hint: 'Save the AWS settings again.',
    })
  }
  return bucket
}

/** Names of buckets are world-wide: 64 random bits keep a stranger from guessing ours. At most 63 characters. */
export function newBucketName(connectorId: string): string {
  const connector = connectorId
    .toLowerCase()
    .replace(/[^a-z0-9-]/g, '')
    .slice(0, 36)
  return `${defaultBucketPrefix}-${connector}-${randomBytes(8).toString('hex')}`
}

async function findBucket(
  { clients, accountId, region, signal }: EnsureBucketInput,
  bucket: string,
): Promise<'ours' | 'missing'> {
  const head = new HeadBucketCommand({ Bucket: bucket, ExpectedBucketOwner: accountId })
  try {
    const { BucketRegion: found } = await clients.call('s3:ListBucket', sdk => clients.s3.send(head, sdk), { signal })
    if (found !== undefined && found !== region) throw wrongRegion(bucket, found, region)
    return 'ours'
  } catch (thrown) {
    const status = awsStatus(thrown)
    if (status === 404) return 'missing'
    if (status === 301) throw wrongRegion(bucket, 'another Region', region, thrown)
    if (status !== 403) throw thrown
    // HEAD says no more than 403, be it the owner or the policy: creating it tells whose it is.
    return whose({ clients, bucket, region, signal }, thrown)
  }
}

async function whose(
  input: { clients: AwsClients; bucket: string; region: string; signal: AbortSignal | undefined },
  refused: unknown,
): Promise<never> {
  try {
    await sendCreate(input)
  } catch (thrown) {
    const code = awsCode(thrown)
    if (code === 'BucketAlreadyExists') throw foreign(input.bucket, thrown)
    if (code !== 'BucketAlreadyOwnedByYou') throw thrown
  }
  throw refused
}

async function createBucket({ clients, region, signal }: EnsureBucketInput, bucket: string): Promise<void> {
  try {
    await sendCreate({ clients, bucket, region, signal })
  } catch (thrown) {
    const code = awsCode(thrown)
    // The answer to an attempt before this one was lost.
    if (code === 'BucketAlreadyOwnedByYou') return
    if (code === 'BucketAlreadyExists') throw foreign(bucket, thrown)
    throw thrown
  }
}

async function sendCreate(input: {
  clients: AwsClients
  bucket: string
  region: string
  signal: AbortSignal | undefined
}): Promise<void> {
  const { clients, bucket, region, signal } = input
  const command = new CreateBucketCommand({
    Bucket: bucket,
    // us-east-1 is the one Region that must not be named.
    ...(region === 'us-east-1'
      ? {}
      : { CreateBucketConfiguration: { LocationConstraint: region as BucketLocationConstraint } }),
  })
  await clients.call('s3:CreateBucket', sdk => clients.s3.send(command, sdk), { signal })
}

/** Sets each protection that is not as it should be, then reads it back. */
async function protect(input: ProtectionInput): Promise<void> {
  for (const protection of bucketProtections(input)) {
    if (await protection.stands()) continue
    await protection.set()
    if (await protection.stands()) continue
    throw new ApplianceError(
      'AWS_REQUEST_REFUSED',
      `S3 did not keep ${protection.name} of the bucket ${input.bucket}.`,
      {
        hint: 'Look whether a policy of your organization changes buckets, and allow this setting.',
      },
    )
  }
}

async function removeEmpty({ clients, accountId }: EnsureBucketInput, bucket: string): Promise<void> {
  const command = new DeleteBucketCommand({ Bucket: bucket, ExpectedBucketOwner: accountId })
  try {
    await clients.call('s3:DeleteBucket', sdk => clients.s3.send(command, sdk), { signal: AbortSignal.timeout(30_000) })
  } catch {
    // The error that led here is the one to report; the empty bucket is found again by its noted name.
  }
}

function foreign(bucket: string, cause: unknown): ApplianceError {
  return new ApplianceError('BUCKET_FOREIGN', `The bucket ${bucket} belongs to another AWS account.`, {
    cause,
    hint: 'Nothing was sent to it. Remove the bucket from the AWS settings, and the connector makes one of its own.',
  })
}

function wrongRegion(bucket: string, found: string, region: string, cause?: unknown): ApplianceError {
  return new ApplianceError('BUCKET_WRONG_REGION', `The bucket ${bucket} is in ${found}, not in ${region}.`, {
    cause,
    hint: 'VM Import reads buckets of its own Region only: change the Region back, or let the connector make a new bucket.',
  })
}

export interface ImportRoleInput {
  clients: AwsClients
  roleName: string
  accountId: string
  signal?: AbortSignal
}

interface TrustStatement {
  Effect?: string
  Principal?: { Service?: string | string[] } | string
  Action?: string | string[]
  Condition?: Record<string, Record<string, string | string[]>>
}

/**
 * Looks whether VM Import can assume its role. Without `iam:GetRole` nothing is known until the first import: `unchecked`.
 * @throws ApplianceError IMPORT_ROLE_MISSING, IMPORT_ROLE_UNTRUSTED
 */
export async function checkImportRole(input: ImportRoleInput): Promise<'trusted' | 'unchecked'> {
  const { clients, roleName, accountId, signal } = input
  const command = new GetRoleCommand({ RoleName: roleName })
  let document: string
  try {
    const { Role: role } = await clients.call('iam:GetRole', sdk => clients.iam.send(command, sdk), { signal })
    document = decodeURIComponent(role?.AssumeRolePolicyDocument ?? '{}')
  } catch (thrown) {
    if (thrown instanceof ApplianceError && thrown.code === 'AWS_PERMISSION_MISSING') return 'unchecked'
    const code = awsCode(thrown)
    if (code === 'NoSuchEntity' || code === 'NoSuchEntityException') throw roleMissing(roleName, thrown)
    throw thrown
  }
  const { Statement: found } = JSON.parse(document) as { Statement?: TrustStatement | TrustStatement[] }
  if (!listOf(found).some(statement => letsVmImportIn(statement, accountId))) {
    throw new ApplianceError('IMPORT_ROLE_UNTRUSTED', `VM Import may not assume the role ${roleName}.`, {
      hint: `Set the role's trust policy to: ${JSON.stringify(vmimportTrustPolicy({ accountId }))}`,
    })
  }
  return 'trusted'
}

export function roleMissing(roleName: string, cause?: unknown): ApplianceError {
  return new ApplianceError('IMPORT_ROLE_MISSING', `The role ${roleName} does not exist, or may not read the bucket.`, {
    cause,
    hint: 'Create it with the policies, or the CloudFormation template, that the AWS settings offer for download.',
  })
}

function letsVmImportIn({ Effect, Principal, Action, Condition }: TrustStatement, accountId: string): boolean {
  const services = typeof Principal === 'object' ? listOf(Principal.Service) : listOf(Principal)
  const actions = listOf(Action)
  if (Effect !== 'Allow') return false
  if (!services.includes('vmie.amazonaws.com') && !services.includes('*')) return false
  if (!actions.some(action => ['sts:assumerole', 'sts:*', '*'].includes(action.toLowerCase()))) return false
  for (const [key, value] of Object.entries(Condition?.StringEquals ?? {})) {
    if (/^sts:externalid$/i.test(key) && !listOf(value).includes('vmimport')) return false
    if (/^aws:sourceaccount$/i.test(key) && !listOf(value).includes(accountId)) return false
  }
  return true
}

function listOf<T>(value: T | T[] | undefined): T[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value]
}
