// One request that was authenticated, and the question whether its caller may do what it asks.
import { AwsError } from './aws-error.ts'
import type { Lab } from './config.ts'
import { type Decision, evaluate, type RequestContext, requestContext } from './iam-policy.ts'
import type { Principal } from './iam-store.ts'

export type Service = 'ec2' | 'ebs' | 'sts' | 'iam' | 'kms' | 'sns' | 'sqs'

export type Call = {
  lab: Lab
  service: Service
  operation: string
  requestId: string
  principal: Principal
}

export type ContextEntries = Record<string, string | string[] | boolean | undefined>

export function callContext(lab: Lab, principal: Principal, entries: ContextEntries): RequestContext {
  return requestContext({
    'aws:PrincipalArn': principal.arn,
    'aws:PrincipalAccount': principal.accountId,
    'aws:username': principal.user?.name,
    'aws:RequestedRegion': lab.region,
    // The lab is plain HTTP where AWS is TLS: policies that demand it are taken as met.
    'aws:SecureTransport': true,
    'aws:SourceIp': '127.0.0.1',
    'aws:ResourceAccount': lab.accountId,
    ...entries,
  })
}

/**
 * Throws the service's own refusal unless the caller may do the action on every one of the resources.
 * @param resources ARNs, or `*` for an action without resource-level permissions.
 */
export function authorize(
  call: Call,
  action: string,
  resources: string | string[] = '*',
  entries: ContextEntries = {},
): void {
  const context = callContext(call.lab, call.principal, entries)
  const policies = call.principal.policies()
  for (const resource of Array.isArray(resources) ? resources : [resources]) {
    const decision = evaluate(policies, action, resource, context)
    if (decision !== 'allowed') throw denied(call, action, resource, decision)
  }
}

/** The words of a refusal, without a service around them. */
export function denialMessage(principal: Principal, action: string, resource: string, decision: Decision): string {
  const reason =
    decision === 'explicitDeny'
      ? 'with an explicit deny in an identity-based policy'
      : `because no identity-based policy allows the ${action} action`
  return `User: ${principal.arn} is not authorized to perform: ${action} on resource: ${resource} ${reason}`
}

function denied(call: Call, action: string, resource: string, decision: Decision): AwsError {
  const message = denialMessage(call.principal, action, resource, decision)
  switch (call.service) {
    case 'ec2': {
      const encoded = Buffer.from(JSON.stringify({ action, resource, decision })).toString('base64url')
      return new AwsError(
        'UnauthorizedOperation',
        `You are not authorized to perform this operation. ${message}. Encoded authorization failure message: ${encoded}`,
        403,
      )
    }
    case 'ebs':
      return new AwsError('AccessDeniedException', message, 403, { Reason: 'UNAUTHORIZED_ACCOUNT' })
    case 'kms':
      return new AwsError('AccessDeniedException', message, 400)
    case 'sns':
      return new AwsError('AuthorizationError', message, 403)
    default:
      return new AwsError('AccessDenied', message, 403)
  }
}

/** EC2's dry run: permissions were checked, nothing else is done. */
export function endDryRun(input: { DryRun?: boolean | undefined }): void {
  if (input.DryRun === true) {
    throw new AwsError('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.', 412)
  }
}
