// Who we are in AWS: GetCallerIdentity, and credentials by assuming a role.
import { AssumeRoleCommand, GetCallerIdentityCommand, type STSClient } from '@aws-sdk/client-sts'
import type { AwsSettings } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import type { AwsClients } from './clients.ts'

export interface AwsIdentity {
  accountId: string
  arn: string
  /** `aws`, `aws-us-gov` or `aws-cn`. */
  partition: string
}

/** Somebody waits for the answer. */
const proofAttempts = 3

/**
 * Proves the credentials. It tries once per cause that a wait can cure, and reports a wrong clock instead of quietly
 * signing with AWS's time, as runs do: certificates and schedules need the right time too.
 * @throws ApplianceError AWS_CREDENTIALS_INVALID, AWS_CREDENTIALS_EXPIRED, AWS_CLOCK_SKEW, AWS_UNREACHABLE
 */
export async function identify(clients: AwsClients, { signal }: { signal?: AbortSignal } = {}): Promise<AwsIdentity> {
  const sent = Date.now()
  let answeredAt: number | undefined
  const answer = await clients.call(
    'sts:GetCallerIdentity',
    options => {
      const command = new GetCallerIdentityCommand({})
      command.middlewareStack.add(
        next => async args => {
          const result = await next(args)
          const { headers } = (result.response ?? {}) as { headers?: Record<string, string> }
          answeredAt = Date.parse(headers?.date ?? '')
          return result
        },
        { step: 'deserialize', priority: 'low' },
      )
      return clients.sts.send(command, options)
    },
    { signal, attempts: proofAttempts },
  )
  refuseSkew(sent, answeredAt)
  const { Account: accountId, Arn: arn } = answer
  const partition = arn?.split(':')[1]
  if (accountId === undefined || arn === undefined || partition === undefined) {
    throw new ApplianceError('AWS_REQUEST_REFUSED', 'AWS answered sts:GetCallerIdentity without an account.', {
      hint: 'Check that the STS endpoint in the AWS settings is the right one.',
    })
  }
  return { accountId, arn, partition }
}

/** AWS refuses signatures that are more than 5 minutes off. */
const toleratedSkewMs = 5 * 60_000

function refuseSkew(here: number, there: number | undefined): void {
  if (there === undefined || Number.isNaN(there)) return
  const seconds = Math.round((here - there) / 1000)
  if (Math.abs(here - there) <= toleratedSkewMs) return
  const how = seconds > 0 ? `${seconds} s ahead of` : `${-seconds} s behind`
  throw new ApplianceError('AWS_CLOCK_SKEW', `The appliance's clock is ${how} AWS's.`, {
    hint: 'Set the NTP server of the appliance, or the time of its host.',
  })
}

export interface AssumedCredentials {
  accessKeyId: string
  secretAccessKey: string
  sessionToken: string
  expiration: Date
}
export type CredentialProvider = () => Promise<AssumedCredentials>

/** One hour: the longest that a role assumed by a role may have. */
const sessionSeconds = 3600

/**
 * Credentials of the role in settings; the SDK keeps them and asks again five minutes before they expire. Until the role was
 * assumed once it is being proven, and AWS is not waited for as long as by a renewal in the middle of a run.
 */
export function assumedRole(input: {
  sts: () => STSClient
  settings: AwsSettings
  call: AwsClients['call']
}): CredentialProvider {
  const { sts, settings, call } = input
  let proven = false
  return async () => {
    const attempts = proven ? undefined : proofAttempts
    const command = new AssumeRoleCommand({
      RoleArn: settings.assumeRoleArn,
      RoleSessionName: 'hoist',
      DurationSeconds: sessionSeconds,
      ExternalId: settings.assumeRoleExternalId,
    })
    const { Credentials: given } = await call('sts:AssumeRole', options => sts().send(command, options), { attempts })
    const { AccessKeyId, SecretAccessKey, SessionToken, Expiration } = given ?? {}
    if (!AccessKeyId || !SecretAccessKey || !SessionToken || !Expiration) {
      throw new ApplianceError('AWS_REQUEST_REFUSED', `AWS gave no credentials for ${settings.assumeRoleArn}.`, {
        hint: 'Check the role in the AWS settings.',
      })
    }
    proven = true
    return {
      accessKeyId: AccessKeyId,
      secretAccessKey: SecretAccessKey,
      sessionToken: SessionToken,
      expiration: Expiration,
    }
  }
}
