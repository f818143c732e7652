// The service role of VM Import: whether it is there, trusts the service, and may do what an import needs.
// Source: VM Import/Export User Guide, "Required permissions for VM Import/Export".

import { callContext } from './authorize.ts'
import { AwsError } from './aws-error.ts'
import type { Lab } from './config.ts'
import { evaluate, matchesConditions, statements } from './iam-policy.ts'
import type { Principal, Role } from './iam-store.ts'
import { ImportFailure } from './import-task.ts'

const kmsActions = [
  'kms:CreateGrant',
  'kms:Decrypt',
  'kms:DescribeKey',
  'kms:Encrypt',
  'kms:GenerateDataKey',
  'kms:ReEncryptFrom',
]
const ec2Actions = ['ec2:ModifySnapshotAttribute', 'ec2:CopySnapshot', 'ec2:RegisterImage', 'ec2:DescribeSnapshots']

/** @throws AWS's one error for every way in which the role can be unfit. */
export function checkRole(lab: Lab, name: string, objects: { bucket: string; key: string }[]): void {
  const role = lab.iam.roles.get(name)
  const fits =
    role !== undefined &&
    trustsService(lab, role) &&
    ec2Actions.every(action => may(lab, role, action, '*')) &&
    objects.every(
      ({ bucket, key }) =>
        may(lab, role, 's3:GetBucketLocation', `arn:aws:s3:::${bucket}`) &&
        may(lab, role, 's3:ListBucket', `arn:aws:s3:::${bucket}`) &&
        may(lab, role, 's3:GetObject', `arn:aws:s3:::${bucket}/${key}`),
    )
  if (!fits) {
    throw new AwsError(
      'InvalidParameter',
      `The service role ${name} provided does not exist or does not have sufficient permissions`,
    )
  }
}

/** A customer's key has to be usable for the role; AWS's own `aws/ebs` needs no permission. */
export function checkKey(lab: Lab, name: string, kmsKeyArn: string | undefined): void {
  if (kmsKeyArn === undefined || kmsKeyArn === lab.settings.defaultKmsKeyArn) return
  const role = lab.iam.roles.get(name)
  if (role === undefined || !kmsActions.every(action => may(lab, role, action, kmsKeyArn))) {
    throw new ImportFailure(
      `ClientError: The service role ${name} does not have sufficient permissions to use the KMS key ${kmsKeyArn}`,
    )
  }
}

function trustsService(lab: Lab, role: Role): boolean {
  const context = callContext(lab, rolePrincipal(lab, role), {
    'sts:ExternalId': 'vmimport',
    'aws:SourceAccount': lab.accountId,
    'aws:SourceArn': `arn:aws:vmie:${lab.region}:${lab.accountId}:*`,
  })
  return statements(role.trust).some(statement => {
    const services = [(statement.Principal as { Service?: string | string[] } | undefined)?.Service].flat()
    return (
      statement.Effect === 'Allow' &&
      services.includes('vmie.amazonaws.com') &&
      [statement.Action].flat().includes('sts:AssumeRole') &&
      asksForExternalId(statement.Condition) &&
      matchesConditions(statement, context)
    )
  })
}

/** The guide's trust policy has the condition; the lab insists on it, so that the appliance's policy has it too. */
function asksForExternalId(condition: object | undefined): boolean {
  return Object.values(condition ?? {}).some(keys =>
    Object.keys(keys as object).some(key => key.toLowerCase() === 'sts:externalid'),
  )
}

function may(lab: Lab, role: Role, action: string, resource: string): boolean {
  const context = callContext(lab, rolePrincipal(lab, role), {})
  return evaluate([...role.inline.values()], action, resource, context) === 'allowed'
}

function rolePrincipal(lab: Lab, role: Role): Principal {
  return {
    arn: `arn:aws:sts::${lab.accountId}:assumed-role/${role.name}/vmimport`,
    userId: `${role.id}:vmimport`,
    accountId: lab.accountId,
    policies: () => [...role.inline.values()],
  }
}
