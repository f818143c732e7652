// STS: who am I, and sessions of roles that expire.
import type { AssumeRoleRequest } from '@aws-sdk/client-sts'
import { authorize, type Call, callContext, denialMessage } from './authorize.ts'
import { AwsError } from './aws-error.ts'
import { matchesConditions, type PolicyStatement, statements } from './iam-policy.ts'
import type { Role } from './iam-store.ts'

/** Allowed to everybody who can sign: no policy can take it away (STS API reference). */
function getCallerIdentity(_input: object, call: Call) {
  const { userId, accountId, arn } = call.principal
  return { UserId: userId, Account: accountId, Arn: arn }
}

function assumeRole(input: AssumeRoleRequest, call: Call) {
  const arn = input.RoleArn ?? ''
  const refused = new AwsError(
    'AccessDenied',
    denialMessage(call.principal, 'sts:AssumeRole', arn, 'implicitDeny'),
    403,
  )
  const name = arn.split('/').at(-1) ?? ''
  const role = call.lab.iam.roles.get(name)
  if (role === undefined || role.arn !== arn) throw refused
  authorize(call, 'sts:AssumeRole', arn)
  if (!trusts(role, call, input.ExternalId)) throw refused
  if (!/^[\w+=,.@-]{2,64}$/.test(input.RoleSessionName ?? '')) {
    throw new AwsError('ValidationError', 'RoleSessionName must be 2 to 64 characters of [\\w+=,.@-]')
  }
  const seconds = input.DurationSeconds ?? 3600
  if (seconds < 900 || seconds > role.maxSessionSeconds) {
    throw new AwsError(
      'ValidationError',
      'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
    )
  }
  if (input.Policy !== undefined) throw new AwsError('UnsupportedOperation', 'The lab evaluates no session policies.')
  const expiresAtMs = call.lab.now() + seconds * 1000
  const session = call.lab.iam.openSession(role, input.RoleSessionName ?? '', expiresAtMs)
  return {
    Credentials: {
      AccessKeyId: session.accessKeyId,
      SecretAccessKey: session.secretAccessKey,
      SessionToken: session.sessionToken,
      Expiration: new Date(expiresAtMs),
    },
    AssumedRoleUser: { AssumedRoleId: session.principal.userId, Arn: session.principal.arn },
  }
}

function trusts(role: Role, call: Call, externalId: string | undefined): boolean {
  const context = callContext(call.lab, call.principal, { 'sts:ExternalId': externalId })
  return statements(role.trust).some(
    statement =>
      statement.Effect === 'Allow' &&
      [statement.Action].flat().includes('sts:AssumeRole') &&
      names(statement, call) &&
      matchesConditions(statement, context),
  )
}

function names(statement: PolicyStatement, call: Call): boolean {
  if (statement.Principal === '*') return true
  const aws = (statement.Principal as { AWS?: string | string[] } | undefined)?.AWS
  const account = call.lab.accountId
  return [aws]
    .flat()
    .some(one => one === '*' || one === account || one === `arn:aws:iam::${account}:root` || one === call.principal.arn)
}

export const stsOperations = { GetCallerIdentity: getCallerIdentity, AssumeRole: assumeRole }
