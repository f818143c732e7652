// IAM: roles and their inline policies, users and keys, and SimulatePrincipalPolicy.
import { randomBytes } from 'node:crypto'
import type {
  CreateAccessKeyRequest,
  CreateRoleRequest,
  CreateUserRequest,
  DeleteRolePolicyRequest,
  DeleteRoleRequest,
  GetRolePolicyRequest,
  GetRoleRequest,
  GetUserRequest,
  ListAttachedRolePoliciesRequest,
  ListRolePoliciesRequest,
  PutRolePolicyRequest,
  PutUserPolicyRequest,
  SimulatePrincipalPolicyRequest,
  UpdateAssumeRolePolicyRequest,
} from '@aws-sdk/client-iam'
import { authorize, type Call, callContext } from './authorize.ts'
import { AwsError } from './aws-error.ts'
import { evaluate, type PolicyDocument } from './iam-policy.ts'
import { parsePolicy, type Role, type User, uniqueId } from './iam-store.ts'

function roleArn(call: Call, name: string | undefined): string {
  return `arn:aws:iam::${call.lab.accountId}:role/${name}`
}

function userArn(call: Call, name: string | undefined): string {
  return `arn:aws:iam::${call.lab.accountId}:user/${name}`
}

/** IAM gives policy documents URL-encoded (RFC 3986). */
function encodePolicy(policy: PolicyDocument): string {
  return encodeURIComponent(JSON.stringify(policy))
}

function describeRole(role: Role) {
  return {
    Path: '/',
    RoleName: role.name,
    RoleId: role.id,
    Arn: role.arn,
    CreateDate: role.createdAt,
    AssumeRolePolicyDocument: encodePolicy(role.trust),
    Description: role.description,
    MaxSessionDuration: role.maxSessionSeconds,
    Tags: role.tags,
  }
}

function describeUser(user: User) {
  return { Path: '/', UserName: user.name, UserId: user.id, Arn: user.arn, CreateDate: user.createdAt }
}

function getRole(input: GetRoleRequest, call: Call) {
  authorize(call, 'iam:GetRole', roleArn(call, input.RoleName))
  return { Role: describeRole(call.lab.iam.role(input.RoleName ?? '')) }
}

function createRole(input: CreateRoleRequest, call: Call) {
  authorize(call, 'iam:CreateRole', roleArn(call, input.RoleName))
  const role = call.lab.iam.createRole(input.RoleName ?? '', parsePolicy(input.AssumeRolePolicyDocument))
  if (input.Description !== undefined) role.description = input.Description
  if (input.MaxSessionDuration !== undefined) role.maxSessionSeconds = input.MaxSessionDuration
  role.tags = (input.Tags ?? []).map(tag => ({ Key: tag.Key ?? '', Value: tag.Value ?? '' }))
  return { Role: describeRole(role) }
}

function deleteRole(input: DeleteRoleRequest, call: Call) {
  authorize(call, 'iam:DeleteRole', roleArn(call, input.RoleName))
  const role = call.lab.iam.role(input.RoleName ?? '')
  if (role.inline.size > 0)
    throw new AwsError('DeleteConflict', 'Cannot delete entity, must delete policies first.', 409)
  call.lab.iam.roles.delete(role.name)
  return {}
}

function updateAssumeRolePolicy(input: UpdateAssumeRolePolicyRequest, call: Call) {
  authorize(call, 'iam:UpdateAssumeRolePolicy', roleArn(call, input.RoleName))
  call.lab.iam.role(input.RoleName ?? '').trust = parsePolicy(input.PolicyDocument)
  return {}
}

function putRolePolicy(input: PutRolePolicyRequest, call: Call) {
  authorize(call, 'iam:PutRolePolicy', roleArn(call, input.RoleName))
  call.lab.iam.role(input.RoleName ?? '').inline.set(input.PolicyName ?? '', parsePolicy(input.PolicyDocument))
  return {}
}

function getRolePolicy(input: GetRolePolicyRequest, call: Call) {
  authorize(call, 'iam:GetRolePolicy', roleArn(call, input.RoleName))
  const policy = call.lab.iam.role(input.RoleName ?? '').inline.get(input.PolicyName ?? '')
  if (policy === undefined) {
    throw new AwsError('NoSuchEntity', `The role policy with name ${input.PolicyName} cannot be found.`, 404)
  }
  return { RoleName: input.RoleName, PolicyName: input.PolicyName, PolicyDocument: encodePolicy(policy) }
}

function deleteRolePolicy(input: DeleteRolePolicyRequest, call: Call) {
  authorize(call, 'iam:DeleteRolePolicy', roleArn(call, input.RoleName))
  if (!call.lab.iam.role(input.RoleName ?? '').inline.delete(input.PolicyName ?? '')) {
    throw new AwsError('NoSuchEntity', `The role policy with name ${input.PolicyName} cannot be found.`, 404)
  }
  return {}
}

function listRolePolicies(input: ListRolePoliciesRequest, call: Call) {
  authorize(call, 'iam:ListRolePolicies', roleArn(call, input.RoleName))
  return { PolicyNames: [...call.lab.iam.role(input.RoleName ?? '').inline.keys()], IsTruncated: false }
}

/** The lab's roles have inline policies only. */
function listAttachedRolePolicies(input: ListAttachedRolePoliciesRequest, call: Call) {
  authorize(call, 'iam:ListAttachedRolePolicies', roleArn(call, input.RoleName))
  call.lab.iam.role(input.RoleName ?? '')
  return { AttachedPolicies: [], IsTruncated: false }
}

function createUser(input: CreateUserRequest, call: Call) {
  authorize(call, 'iam:CreateUser', userArn(call, input.UserName))
  return { User: describeUser(call.lab.iam.createUser(input.UserName ?? '')) }
}

/** Without a name: the user who asks. */
function getUser(input: GetUserRequest, call: Call) {
  const name = input.UserName ?? call.principal.user?.name
  authorize(call, 'iam:GetUser', userArn(call, name))
  return { User: describeUser(call.lab.iam.user(name ?? '')) }
}

function putUserPolicy(input: PutUserPolicyRequest, call: Call) {
  authorize(call, 'iam:PutUserPolicy', userArn(call, input.UserName))
  call.lab.iam.user(input.UserName ?? '').inline.set(input.PolicyName ?? '', parsePolicy(input.PolicyDocument))
  return {}
}

function createAccessKey(input: CreateAccessKeyRequest, call: Call) {
  const name = input.UserName ?? call.principal.user?.name
  authorize(call, 'iam:CreateAccessKey', userArn(call, name))
  const user = call.lab.iam.user(name ?? '')
  const key = { accessKeyId: uniqueId('AKIA'), secretAccessKey: randomBytes(30).toString('base64') }
  call.lab.iam.addKey(user, key.accessKeyId, key.secretAccessKey)
  return {
    AccessKey: {
      UserName: user.name,
      AccessKeyId: key.accessKeyId,
      SecretAccessKey: key.secretAccessKey,
      Status: 'Active',
      CreateDate: new Date(),
    },
  }
}

function simulatePrincipalPolicy(input: SimulatePrincipalPolicyRequest, call: Call) {
  const source = input.PolicySourceArn ?? ''
  authorize(call, 'iam:SimulatePrincipalPolicy', source)
  const user = [...call.lab.iam.users.values()].find(one => one.arn === source)
  const role = [...call.lab.iam.roles.values()].find(one => one.arn === source)
  const holder = user ?? role
  if (holder === undefined) throw new AwsError('NoSuchEntity', `No user or role with the ARN ${source} exists.`, 404)
  const entries = Object.fromEntries(
    (input.ContextEntries ?? []).map(entry => [entry.ContextKeyName ?? '', entry.ContextKeyValues ?? []]),
  )
  const context = callContext(call.lab, { ...call.principal, arn: source }, entries)
  const policies = [...holder.inline.values(), ...(input.PolicyInputList ?? []).map(parsePolicy)]
  const resources = input.ResourceArns?.length ? input.ResourceArns : ['*']
  const results = (input.ActionNames ?? []).flatMap(action =>
    resources.map(resource => ({
      EvalActionName: action,
      EvalResourceName: resource,
      EvalDecision: evaluate(policies, action, resource, context),
      MatchedStatements: [],
      MissingContextValues: [],
    })),
  )
  const start = Number(input.Marker ?? 0)
  const end = start + (input.MaxItems ?? 100)
  const isTruncated = end < results.length
  return {
    EvaluationResults: results.slice(start, end),
    IsTruncated: isTruncated,
    Marker: isTruncated ? String(end) : undefined,
  }
}

export const iamOperations = {
  GetRole: getRole,
  CreateRole: createRole,
  DeleteRole: deleteRole,
  UpdateAssumeRolePolicy: updateAssumeRolePolicy,
  PutRolePolicy: putRolePolicy,
  GetRolePolicy: getRolePolicy,
  DeleteRolePolicy: deleteRolePolicy,
  ListRolePolicies: listRolePolicies,
  ListAttachedRolePolicies: listAttachedRolePolicies,
  CreateUser: createUser,
  GetUser: getUser,
  PutUserPolicy: putUserPolicy,
  CreateAccessKey: createAccessKey,
  SimulatePrincipalPolicy: simulatePrincipalPolicy,
}
