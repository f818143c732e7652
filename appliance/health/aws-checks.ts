// What the appliance needs of AWS: every endpoint in use answers, the clock agrees, and the account allows what runs do.

import { missingProtections } from '../aws/bucket-state.ts'
import type { AwsClients } from '../aws/clients.ts'
import { type AwsIdentity, identify } from '../aws/credentials.ts'
import { endpointUrl, probeEndpoint } from '../aws/endpoints.ts'
import { missingActions } from '../aws/missing-actions.ts'
import { connectorPolicy, defaultBucketPrefix } from '../aws/permissions.ts'
import { checkImportRole } from '../aws/registration.ts'
import type { AwsService, Connector } from '../domain.ts'
import { type Check, type Finding, failed, notYet, success, warning } from './check.ts'

export interface AwsCheckOptions {
  /** @throws {ApplianceError} NOT_CONFIGURED */
  clients(): Promise<AwsClients>
  connector(): Promise<Connector>
  /** SNS is in use only when a channel publishes to it. */
  topicArns(): Promise<string[]>
  now(): Date
  /** Told of each measurement: how far our clock is ahead of AWS's. */
  onSkew(skewMs: number): void
}

/** Signatures are refused beyond 5 minutes (S3: 15); a clock that drifts is repaired before. */
const skewErrorMs = 5 * 60_000
const skewWarningMs = 60_000
/** One question to IAM for each statement of the policy. */
const hourMs = 3_600_000
const permissionsTimeoutMs = 60_000

const services: readonly { service: AwsService; title: string }[] = [
  { service: 's3', title: 'Amazon S3 endpoint' },
  { service: 'ec2', title: 'Amazon EC2 endpoint' },
  { service: 'sts', title: 'AWS STS endpoint' },
  { service: 'iam', title: 'AWS IAM endpoint' },
  { service: 'sns', title: 'Amazon SNS endpoint' },
]

export function awsChecks(options: AwsCheckOptions): Check[] {
  const { clients, connector } = options
  return [
    ...services.map(entry => endpointCheck(entry, options)),
    {
      ...{ id: 'network.clock', group: 'network', title: 'Clock against AWS' },
      run: async signal => await clockFinding(await clients(), options, signal),
    },
    {
      ...{ id: 'aws.credentials', group: 'aws', title: 'Credentials' },
      async run(signal) {
        const { arn } = await identify(await clients(), { signal })
        return success(arn)
      },
    },
    {
      ...{
        id: 'aws.permissions',
        group: 'aws',
        title: 'Permissions',
        timeoutMs: permissionsTimeoutMs,
        everyMs: hourMs,
      },
      async run(signal) {
        const aws = await clients()
        const identity = await identify(aws, { signal })
        return await permissionsFinding(aws, identity, await connector(), await options.topicArns(), signal)
      },
    },
    {
      ...{ id: 'aws.bucket', group: 'aws', title: 'Bucket and its protections' },
      run: async signal => await bucketFinding(await clients(), await connector(), signal),
    },
    {
      ...{ id: 'aws.importRole', group: 'aws', title: 'Role of VM Import' },
      async run(signal) {
        const aws = await clients()
        const { accountId } = await identify(aws, { signal })
        const { importRoleName: roleName } = aws.settings
        const known = await checkImportRole({ clients: aws, roleName, accountId, signal })
        if (known === 'trusted') return success(roleName)
        return warning(
          `Whether VM Import may assume ${roleName} is not known: iam:GetRole is not allowed.`,
          `Allow iam:GetRole on the role ${roleName}; the first import tells otherwise.`,
        )
      },
    },
  ]
}

function endpointCheck({ service, title }: { service: AwsService; title: string }, options: AwsCheckOptions): Check {
  return {
    ...{ id: `network.${service}`, group: 'network', title },
    async run(signal) {
      const aws = await options.clients()
      if (service === 'sns' && (await options.topicArns()).length === 0)
        return notYet('No notification channel publishes to SNS.')
      const { proxyUrl } = aws.settings
      const through = proxyUrl === undefined ? '' : `, through the proxy ${new URL(proxyUrl).host}`
      try {
        const { url, tookMs } = await probeEndpoint(aws, service, { signal })
        return success(`${url}${through}, in ${tookMs} ms.`)
      } catch (thrown) {
        signal.throwIfAborted()
        return unreachable(thrown, endpointUrl(aws, service), proxyUrl)
      }
    },
  }
}

/** Each is somebody else's to repair: the name, the line, the certificate, the proxy. */
function unreachable(thrown: unknown, { hostname, port }: URL, proxyUrl: string | undefined): Finding {
  const text = wordsOf(thrown)
  const proxy = proxyUrl === undefined ? undefined : new URL(proxyUrl)
  const target = proxy?.hostname ?? hostname
  const said = `${hostname}: ${text}`
  if (/ENOTFOUND|EAI_AGAIN/.test(text))
    return failed(said, `DNS knows no address of ${target}: check the DNS servers of the appliance.`)
  if (/CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS|ERR_SSL|EPROTO|certificate/.test(text))
    return failed(said, 'The certificate is not trusted: a proxy that inspects TLS stands in between.')
  if (proxy && /PROXY|proxy|407/.test(text))
    return failed(said, `The proxy ${proxy.host} refuses: check its user name, password and list of allowed hosts.`)
  return failed(
    said,
    `Open port ${proxy?.port || port || 443} from the appliance to ${target} in the firewall, or set the proxy.`,
  )
}

/** What Node said stands in the causes. */
function wordsOf(thrown: unknown): string {
  const words: string[] = []
  for (let error = thrown; error instanceof Error && words.length < 5; error = error.cause) {
    const code = 'code' in error ? ` (${String(error.code)})` : ''
    words.push(`${error.message}${code}`)
  }
  return words.join(' ')
}

async function clockFinding(aws: AwsClients, { now, onSkew }: AwsCheckOptions, signal: AbortSignal): Promise<Finding> {
  const { dateMs, tookMs } = await probeEndpoint(aws, 'sts', { signal })
  if (dateMs === undefined) return warning('AWS answered without its time.', 'Check the STS endpoint in the settings.')
  // The header has whole seconds, and was written somewhere between question and answer.
  const skewMs = Math.round(now().getTime() - tookMs / 2 - (dateMs + 500))
  onSkew(skewMs)
  const size = Math.abs(skewMs)
  const words = `The clock is ${(size / 1000).toFixed(1)} s ${skewMs < 0 ? 'behind' : 'ahead of'} AWS's.`
  const fix = 'Set the NTP servers of the appliance, or the time of its host.'
  if (size >= skewErrorMs) return failed(words, fix)
  return size >= skewWarningMs ? warning(words, fix) : success(words)
}

async function permissionsFinding(
  clients: AwsClients,
  identity: AwsIdentity,
  { id: connectorId, bucket }: Connector,
  topicArns: readonly string[],
  signal: AbortSignal,
): Promise<Finding> {
  const { region, importRoleName, assumeRoleArn } = clients.settings
  const { partition, accountId } = identity
  const policy = connectorPolicy({
    ...{ partition, accountId, region, importRoleName, assumeRoleArn, topicArns },
    bucketPrefix: defaultBucketPrefix,
  })
  const report = await missingActions({ clients, identity, policy, bucket, connectorId, importRoleName, signal })
  const { missing, unchecked, checkedBy } = report
  if (missing.length > 0) {
    return failed(
      `Missing: ${missing.join(', ')}.`,
      'Allow them: the policy that the AWS settings offer for download has them all.',
    )
  }
  if (checkedBy === 'simulation') return success('All of them, says IAM.')
  return success(`None is known to be missing; ${unchecked.length} cannot be tried without changing something.`)
}

async function bucketFinding(clients: AwsClients, connector: Connector, signal: AbortSignal): Promise<Finding> {
  const { id: connectorId, bucket, awsAccountId: accountId } = connector
  if (!bucket || !accountId) return notYet('The connector has no bucket yet: registering makes it.')
  const { partition } = await identify(clients, { signal })
  const missing = await missingProtections({ clients, bucket, accountId, partition, connectorId, signal })
  if (missing === undefined)
    return failed(`The bucket ${bucket} does not exist.`, 'Register again: it is made anew under its name.')
  if (missing.length > 0)
    return failed(`The bucket ${bucket} lacks ${missing.join(', ')}.`, 'Register again: what is missing is set again.')
  return success(bucket)
}
