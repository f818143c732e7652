// The exact IAM policies that Hoist asks for: the connector's own, and VM Import's role `vmimport`.

export interface PolicyStatement {
  Sid: string
  Effect: 'Allow' | 'Deny'
  Action: string | string[]
  Resource?: string | string[]
  Principal?: Record<string, string> | '*'
  Condition?: Record<string, Record<string, string | string[]>>
}

export interface PolicyDocument {
  Version: '2012-10-17'
  Statement: PolicyStatement[]
}

export interface ConnectorPolicyInput {
  /** `aws`, `aws-us-gov` or `aws-cn`. */
  partition: string
  accountId: string
  region: string
  /** Buckets are named `<bucketPrefix>-<connector>-<random>`. */
  bucketPrefix: string
  /** The role that VM Import assumes; `vmimport` unless settings say otherwise. */
  importRoleName?: string
  /** The role that the connector assumes, if it does: it may ask what that role lacks. */
  assumeRoleArn?: string | undefined
  /** Customer managed keys that encrypted jobs may use; `arn:...:key/*` allows every key of the account. */
  kmsKeyArns?: readonly string[]
  /** SNS topics that are told of runs, besides those of this account and Region that begin with `<bucketPrefix>-`. */
  topicArns?: readonly string[]
}

/** Buckets of every connector of this account start with this. */
export const defaultBucketPrefix = 'hoist'
/** Disks on their way stand below this, by run. */
export const runsPrefix = 'runs/'
/** Log bundles that are sent daily stand below this; they expire by the bucket's lifecycle. */
export const logsPrefix = 'logs/'
/** Release bundles that the owner of the account has put there, for the connector to upgrade itself from. */
export const releasesPrefix = 'releases/'
/** The statement that lets the connector ask IAM what it lacks of all the others. */
export const selfCheckSid = 'CheckOwnPermissions'
/** Who acts as the connector. */
export const leaseKey = 'connector/lease.json'
/** The tag that marks whatever a connector made: nothing without it may be deleted. */
export const connectorTagKey = 'hoist:connector'

const tagged = (where: 'RequestTag' | 'ResourceTag') => ({ Null: { [`aws:${where}/${connectorTagKey}`]: 'false' } })

/**
 * What the connector's access key (or the role it assumes) must be allowed, and nothing else.
 * `sts:GetCallerIdentity` is missing on purpose: AWS answers it without any permission.
 * `iam:PassRole` too: VM Import assumes its role by name and external id, the caller passes nothing.
 * Actions and the condition keys they know: AWS's Service Authorization Reference for S3, EC2, IAM, KMS.
 */
export function connectorPolicy(input: ConnectorPolicyInput): PolicyDocument {
  const { partition, accountId, region, bucketPrefix } = input
  const bucket = `arn:${partition}:s3:::${bucketPrefix}-*`
  const ec2 = (type: string) => `arn:${partition}:ec2:${region}:${accountId}:${type}/*`
  // Snapshots and images have no account in their ARN.
  const snapshots = `arn:${partition}:ec2:${region}::snapshot/*`
  const images = `arn:${partition}:ec2:${region}::image/*`
  const snapshotTasks = ec2('import-snapshot-task')
  const imageTasks = ec2('import-image-task')
  const statements: PolicyStatement[] = [
    {
      Sid: 'Bucket',
      Effect: 'Allow',
      Action: [
        's3:CreateBucket',
        's3:DeleteBucket',
        's3:GetBucketPolicy',
        's3:GetBucketPublicAccessBlock',
        's3:GetBucketTagging',
        's3:GetEncryptionConfiguration',
        's3:GetLifecycleConfiguration',
        's3:ListBucket',
        's3:ListBucketMultipartUploads',
        's3:PutBucketPolicy',
        's3:PutBucketPublicAccessBlock',
        's3:PutBucketTagging',
        's3:PutEncryptionConfiguration',
        's3:PutLifecycleConfiguration',
      ],
      Resource: bucket,
    },
    {
      Sid: 'Objects',
      Effect: 'Allow',
      Action: [
        's3:AbortMultipartUpload',
        's3:DeleteObject',
        's3:GetObject',
        's3:ListMultipartUploadParts',
        's3:PutObject',
        's3:PutObjectTagging',
      ],
      Resource: `${bucket}/${runsPrefix}*`,
    },
    { Sid: 'SendLogs', Effect: 'Allow', Action: 's3:PutObject', Resource: `${bucket}/${logsPrefix}*` },
    { Sid: 'ReadReleases', Effect: 'Allow', Action: 's3:GetObject', Resource: `${bucket}/${releasesPrefix}*` },
    { Sid: 'ReadLease', Effect: 'Allow', Action: 's3:GetObject', Resource: `${bucket}/${leaseKey}` },
    ...writeLease(`${bucket}/${leaseKey}`),
    {
      Sid: 'Look',
      Effect: 'Allow',
      // None of these knows resources or tags: AWS takes only "*".
      Action: [
        'ec2:DescribeImages',
        'ec2:DescribeImportImageTasks',
        'ec2:DescribeImportSnapshotTasks',
        'ec2:DescribeInstances',
        'ec2:DescribeSnapshots',
      ],
      Resource: '*',
    },
    {
      Sid: 'Import',
      Effect: 'Allow',
      Action: ['ec2:ImportImage', 'ec2:ImportSnapshot', 'ec2:RegisterImage'],
      Resource: [images, snapshots, imageTasks, snapshotTasks],
    },
    {
      Sid: 'CancelOwnImport',
      Effect: 'Allow',
      Action: 'ec2:CancelImportTask',
      Resource: [imageTasks, snapshotTasks],
      Condition: tagged('ResourceTag'),
    },
    {
      Sid: 'TagOwn',
      Effect: 'Allow',
      Action: 'ec2:CreateTags',
      // VM Import gives its results no tags, so the resource's cannot be asked for: the request's are.
      Resource: [images, snapshots, imageTasks, snapshotTasks],
      Condition: tagged('RequestTag'),
    },
    {
      Sid: 'DeleteOwn',
      Effect: 'Allow',
      Action: ['ec2:DeleteSnapshot', 'ec2:DeregisterImage'],
      Resource: [images, snapshots],
      Condition: tagged('ResourceTag'),
    },
    {
      Sid: 'CheckImportRole',
      Effect: 'Allow',
      Action: 'iam:GetRole',
      Resource: `arn:${partition}:iam::${accountId}:role/${input.importRoleName ?? 'vmimport'}`,
    },
    {
      Sid: selfCheckSid,
      Effect: 'Allow',
      Action: 'iam:SimulatePrincipalPolicy',
      // Of itself alone: IAM puts the caller's own name in.
      Resource: input.assumeRoleArn ?? `arn:${partition}:iam::${accountId}:user/\${aws:username}`,
    },
    {
      Sid: 'Notify',
      Effect: 'Allow',
      Action: 'sns:Publish',
      Resource: [`arn:${partition}:sns:${region}:${accountId}:${bucketPrefix}-*`, ...(input.topicArns ?? [])],
    },
  ]
  if (input.kmsKeyArns !== undefined && input.kmsKeyArns.length > 0) {
    statements.push({
      Sid: 'EncryptSnapshots',
      Effect: 'Allow',
      Action: [
        'kms:CreateGrant',
        'kms:Decrypt',
        'kms:DescribeKey',
        'kms:GenerateDataKeyWithoutPlaintext',
        'kms:ReEncrypt*',
      ],
      Resource: [...input.kmsKeyArns],
      Condition: { StringEquals: { 'kms:ViaService': `ec2.${region}.amazonaws.com` } },
    })
  }
  return { Version: '2012-10-17', Statement: statements }
}

/**
 * The lease may be written on a condition only: not even a fault of the connector's could overwrite another's.
 * Source: "Enforce conditional writes on Amazon S3 buckets", S3 User Guide.
 */
function writeLease(resource: string): PolicyStatement[] {
  return (['TakeLease', 'RenewLease'] as const).map(sid => ({
    Sid: sid,
    Effect: 'Allow',
    Action: 's3:PutObject',
    Resource: resource,
    Condition: { Null: { [sid === 'TakeLease' ? 's3:if-none-match' : 's3:if-match']: 'false' } },
  }))
}

/** What an access key needs that only assumes the role which carries `connectorPolicy`. */
export function accessKeyPolicy({ assumeRoleArn }: { assumeRoleArn: string }): PolicyDocument {
  return {
    Version: '2012-10-17',
    Statement: [{ Sid: 'AssumeConnectorRole', Effect: 'Allow', Action: 'sts:AssumeRole', Resource: assumeRoleArn }],
  }
}

/** Who may assume `vmimport`: VM Import itself, with its external id, for this account's tasks only. Source: VM Import/Export User Guide. */
export function vmimportTrustPolicy({ accountId }: { accountId: string }): PolicyDocument {
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'VmImport',
        Effect: 'Allow',
        Principal: { Service: 'vmie.amazonaws.com' },
        Action: 'sts:AssumeRole',
        Condition: { StringEquals: { 'sts:Externalid': 'vmimport', 'aws:SourceAccount': accountId } },
      },
    ],
  }
}

export interface ImportRolePolicyInput {
  partition: string
  accountId: string
  bucketPrefix: string
  kmsKeyArns?: readonly string[]
}

/** What VM Import may do as `vmimport`: read the connector's buckets, make snapshots and images. Source: VM Import/Export User Guide. */
export function vmimportRolePolicy({
  partition,
  accountId,
  bucketPrefix,
  kmsKeyArns,
}: ImportRolePolicyInput): PolicyDocument {
  const bucket = `arn:${partition}:s3:::${bucketPrefix}-*`
  const statements: PolicyStatement[] = [
    {
      Sid: 'ReadUploads',
      Effect: 'Allow',
      Action: ['s3:GetBucketLocation', 's3:GetObject', 's3:ListBucket'],
      Resource: [bucket, `${bucket}/*`],
      // A bucket of that name in another account is none of ours.
      Condition: { StringEquals: { 'aws:ResourceAccount': accountId } },
    },
    {
      Sid: 'MakeSnapshotsAndImages',
      Effect: 'Allow',
      Action: ['ec2:CopySnapshot', 'ec2:Describe*', 'ec2:ModifySnapshotAttribute', 'ec2:RegisterImage'],
      Resource: '*',
    },
  ]
  if (kmsKeyArns !== undefined && kmsKeyArns.length > 0) {
    statements.push({
      Sid: 'Encrypt',
      Effect: 'Allow',
      Action: [
        'kms:CreateGrant',
        'kms:Decrypt',
        'kms:DescribeKey',
        'kms:Encrypt',
        'kms:GenerateDataKey*',
        'kms:ReEncrypt*',
      ],
      Resource: [...kmsKeyArns],
    })
  }
  return { Version: '2012-10-17', Statement: statements }
}

/** A CloudFormation template (JSON) with the import role and a managed policy for the connector's user or role. */
export function cloudFormationTemplate(input: ConnectorPolicyInput): Record<string, unknown> {
  const roleName = input.importRoleName ?? 'vmimport'
  return {
    AWSTemplateFormatVersion: '2010-09-09',
    Description:
      'Hoist: the role that VM Import assumes, and the policy of the connector. Attach the policy to its user or role.',
    Resources: {
      ImportRole: {
        Type: 'AWS::IAM::Role',
        Properties: {
          RoleName: roleName,
          AssumeRolePolicyDocument: vmimportTrustPolicy(input),
          Policies: [{ PolicyName: 'hoist-vmimport', PolicyDocument: vmimportRolePolicy(input) }],
        },
      },
      ConnectorPolicy: {
        Type: 'AWS::IAM::ManagedPolicy',
        Properties: {
          Description: 'What the Hoist connector may do.',
          PolicyDocument: connectorPolicy(input),
        },
      },
    },
    Outputs: { ConnectorPolicyArn: { Value: { Ref: 'ConnectorPolicy' } } },
  }
}
