// Which actions of its policy the connector lacks, by name: asked of IAM's simulator where that is allowed, else found by
// trying what changes nothing.
import {
  DescribeImagesCommand,
  DescribeImportImageTasksCommand,
  DescribeImportSnapshotTasksCommand,
  DescribeInstancesCommand,
  DescribeSnapshotsCommand,
  ImportImageCommand,
  ImportSnapshotCommand,
  RegisterImageCommand,
} from '@aws-sdk/client-ec2'
import { type ContextEntry, SimulatePrincipalPolicyCommand } from '@aws-sdk/client-iam'
import { type ErrorCode, toApplianceError } from '../errors.ts'
import { awsCode } from './aws-errors.ts'
import { bucketProtections } from './bucket-protection.ts'
import type { AwsClients } from './clients.ts'
import type { AwsIdentity } from './credentials.ts'
import { type PolicyDocument, type PolicyStatement, selfCheckSid } from './permissions.ts'
import { checkImportRole } from './registration.ts'

export interface ActionReport {
  /** Sorted, each once. */
  missing: string[]
  /** Those that could not be tried without changing something. */
  unchecked: string[]
  checkedBy: 'simulation' | 'dryRun'
}

export interface MissingActionsInput {
  clients: AwsClients
  identity: AwsIdentity
  /** What it should be allowed. */
  policy: PolicyDocument
  /** The connector's, once there is one. */
  bucket?: string | undefined
  connectorId: string
  importRoleName: string
  signal?: AbortSignal
}

/** @throws ApplianceError whatever else AWS fails with: unreachable, throttled, credentials */
export async function missingActions(input: MissingActionsInput): Promise<ActionReport> {
  try {
    return await simulate(input)
  } catch (thrown) {
    // Without the permission to simulate; or the caller is none that IAM can simulate, the root user for one.
    const { code } = toApplianceError(thrown)
    if (code !== 'AWS_PERMISSION_MISSING' && code !== 'AWS_REQUEST_REFUSED') throw thrown
    return await tryActions(input)
  }
}

async function simulate({ clients, identity, policy, bucket, signal }: MissingActionsInput): Promise<ActionReport> {
  const missing = new Set<string>()
  for (const statement of policy.Statement) {
    if (statement.Sid === selfCheckSid) continue
    const resources = [statement.Resource ?? '*'].flat().map(pattern => concrete(pattern, bucket))
    const command = new SimulatePrincipalPolicyCommand({
      PolicySourceArn: principalArn(identity),
      ActionNames: actionsOf(statement),
      ...(resources.includes('*') ? {} : { ResourceArns: resources }),
      ContextEntries: contextOf(statement),
    })
    const { EvaluationResults: results = [] } = await clients.call(
      'iam:SimulatePrincipalPolicy',
      sdk => clients.iam.send(command, sdk),
      { signal },
    )
    for (const { EvalActionName: action, EvalDecision: decision } of results)
      if (action !== undefined && decision !== 'allowed') missing.add(action)
  }
  return { missing: [...missing].sort(), unchecked: [], checkedBy: 'simulation' }
}

/** Any resource of the pattern will do: ours are named at random. */
function concrete(pattern: string, bucket: string | undefined): string {
  if (pattern === '*') return pattern
  const named = bucket === undefined ? pattern : pattern.replace(/(:s3:::)[^/]*\*/, `$1${bucket}`)
  return named.replaceAll('*', 'hoist')
}

/** IAM knows roles, not their sessions. The path of a role is not in its session's ARN: ours has none. */
function principalArn({ arn, partition, accountId }: AwsIdentity): string {
  const role = /:assumed-role\/([^/]+)\//.exec(arn)?.[1]
  return role === undefined ? arn : `arn:${partition}:iam::${accountId}:role/${role}`
}

/** What the conditions of the policy ask to be there, is. */
function contextOf({ Condition }: PolicyStatement): ContextEntry[] {
  return Object.values(Condition ?? {}).flatMap(keys =>
    Object.entries(keys).map(([name, value]) => ({
      ContextKeyName: name,
      ContextKeyType: 'string' as const,
      ContextKeyValues: value === 'false' ? ['hoist'] : [value].flat(),
    })),
  )
}

function actionsOf({ Action }: PolicyStatement): string[] {
  return [Action].flat().filter(action => !action.includes('*'))
}

async function tryActions(input: MissingActionsInput): Promise<ActionReport> {
  const { clients, policy, signal } = input
  const tried = new Set<string>()
  const missing = new Set<string>()
  // Whatever is called below is noted under the action that it needs.
  const call: AwsClients['call'] = async (action, send, options) => {
    tried.add(action)
    try {
      return await clients.call(action, send, options)
    } catch (thrown) {
      if (toApplianceError(thrown).code === 'AWS_PERMISSION_MISSING') missing.add(action)
      throw thrown
    }
  }
  const noting: AwsClients = Object.create(clients, { call: { value: call } })
  for (const attempt of attempts(noting, input)) {
    signal?.throwIfAborted()
    try {
      await attempt()
    } catch (thrown) {
      signal?.throwIfAborted()
      refuseUnlessAnswered(thrown)
    }
  }
  const wanted = new Set(policy.Statement.filter(({ Sid }) => Sid !== selfCheckSid).flatMap(actionsOf))
  return {
    missing: [...missing].filter(action => wanted.has(action)).sort(),
    unchecked: [...wanted].filter(action => !tried.has(action)).sort(),
    checkedBy: 'dryRun',
  }
}

function* attempts(clients: AwsClients, input: MissingActionsInput): Generator<() => Promise<unknown>> {
  const { identity, bucket, connectorId, importRoleName, signal } = input
  const { accountId, partition } = identity
  const options = { signal }
  const dry = { DryRun: true }
  const ec2 = clients.ec2
  yield () => clients.call('ec2:DescribeImages', sdk => ec2.send(new DescribeImagesCommand(dry), sdk), options)
  yield () =>
    clients.call(
      'ec2:DescribeImportImageTasks',
      sdk => ec2.send(new DescribeImportImageTasksCommand(dry), sdk),
      options,
    )
  yield () =>
    clients.call(
      'ec2:DescribeImportSnapshotTasks',
      sdk => ec2.send(new DescribeImportSnapshotTasksCommand(dry), sdk),
      options,
    )
  yield () => clients.call('ec2:DescribeInstances', sdk => ec2.send(new DescribeInstancesCommand(dry), sdk), options)
  yield () => clients.call('ec2:DescribeSnapshots', sdk => ec2.send(new DescribeSnapshotsCommand(dry), sdk), options)
  const source = { S3Bucket: bucket ?? 'hoist', S3Key: 'runs/permission-check.vmdk' }
  const container = { Format: 'VMDK', UserBucket: source }
  const snapshotImport = new ImportSnapshotCommand({ ...dry, DiskContainer: container, RoleName: importRoleName })
  yield () => clients.call('ec2:ImportSnapshot', sdk => ec2.send(snapshotImport, sdk), options)
  const imageImport = new ImportImageCommand({ ...dry, DiskContainers: [container], RoleName: importRoleName })
  yield () => clients.call('ec2:ImportImage', sdk => ec2.send(imageImport, sdk), options)
  const image = new RegisterImageCommand({
    ...dry,
    Name: 'hoist-permission-check',
    Architecture: 'x86_64',
    RootDeviceName: '/dev/sda1',
    BlockDeviceMappings: [{ DeviceName: '/dev/sda1', Ebs: { SnapshotId: 'snap-00000000000000000' } }],
  })
  yield () => clients.call('ec2:RegisterImage', sdk => ec2.send(image, sdk), options)
  yield () =>
    checkImportRole({ clients, roleName: importRoleName, accountId, ...(signal === undefined ? {} : { signal }) })
  if (bucket === undefined) return
  for (const protection of bucketProtections({ clients, bucket, accountId, partition, connectorId, signal }))
    yield () => protection.stands()
}

/** A refusal is an answer to the question; a lost line is none. */
function refuseUnlessAnswered(thrown: unknown): void {
  if (awsCode(thrown) === 'DryRunOperation') return
  const error = toApplianceError(thrown)
  const silent: readonly ErrorCode[] = [
    'AWS_UNREACHABLE',
    'AWS_THROTTLED',
    'AWS_CREDENTIALS_INVALID',
    'AWS_CREDENTIALS_EXPIRED',
    'AWS_CLOCK_SKEW',
    'INTERNAL',
  ]
  if (silent.includes(error.code)) throw error
}
