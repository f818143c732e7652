// The settings as the log bundle shows them: what is named here, and nothing else, so that what is new stays out until looked at.
import type { AwsSettings, Connector, NotificationChannel, Policy, VcenterSettings } from '../domain.ts'

export interface BundledSettings {
  vcenter?: VcenterSettings | undefined
  aws?: AwsSettings | undefined
  proxy?: { url: string; username?: string } | undefined
  connector?: Connector | undefined
  policy?: Policy | undefined
  channels: readonly NotificationChannel[]
  logUpload: boolean
}

/** User names and key ids are in it, as they are on the page; passwords, keys, tokens and certificates' PEM are not. */
export function settingsDocument({ vcenter, aws, proxy, connector, policy, channels, logUpload }: BundledSettings) {
  return {
    vcenter: vcenter && { host: vcenter.host, username: vcenter.username, trust: vcenter.trust.kind },
    aws: aws && {
      region: aws.region,
      accessKeyId: aws.accessKeyId,
      assumeRoleArn: aws.assumeRoleArn,
      endpoints: Object.fromEntries(Object.entries(aws.endpoints).map(([service, url]) => [service, originOf(url)])),
      proxyUrl: aws.proxyUrl && originOf(aws.proxyUrl),
      proxyUsername: aws.proxyUsername,
      importRoleName: aws.importRoleName,
    },
    proxy: proxy && { url: originOf(proxy.url), username: proxy.username },
    connector: connector && {
      id: connector.id,
      bucket: connector.bucket,
      bucketRegion: connector.bucketRegion,
      awsAccountId: connector.awsAccountId,
      vcenterInstanceUuid: connector.vcenterInstanceUuid,
      mark: connector.mark,
    },
    policy,
    channels: channels.map(({ id, enabled, events, target }) => ({ id, enabled, events, target: targetOf(target) })),
    logUpload,
  }
}

/** Chat services put the secret of a webhook into its path. */
function targetOf(target: NotificationChannel['target']) {
  if (target.kind === 'sns') return { kind: target.kind, topicArn: target.topicArn }
  if (target.kind === 'webhook') return { kind: target.kind, origin: originOf(target.url) }
  return { kind: target.kind, host: target.host, port: target.port, security: target.security }
}

function originOf(url: string | undefined): string {
  return URL.parse(url ?? '')?.origin ?? ''
}
