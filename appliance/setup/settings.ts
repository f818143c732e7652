// Settings as users see and change them: proven by use before they are kept, shown without secrets.
import type { AwsSecret } from '../aws/clients.ts'
import type { AwsSettings, CertificateTrust, VcenterSettings } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { oneAtATime } from '../one-at-a-time.ts'
import type { SettingsRepository } from '../store/settings.ts'
import { fetchCertificate } from '../vsphere/certificate.ts'
import { requiredPrivileges } from '../vsphere/privileges.ts'
import { type Connections, proveVcenter } from './connections.ts'
import { plainHost } from './host-name.ts'
import type { proxyService } from './proxy.ts'
import {
  ensureConnector,
  ensureConnectorBucket,
  forgetOtherAccount,
  forgetOtherVcenter,
  registerConnector,
  unregisterConnector,
} from './registration.ts'

export interface SettingsServiceOptions {
  settings: SettingsRepository
  connections: Connections
  version: string
  /** Whether runs are under way. */
  busy: () => Promise<boolean>
  /** Told after each registration. */
  registered: () => Promise<void>
  /** Rejects with CONNECTOR_READ_ONLY, or with why AWS cannot tell, while nothing may be started or removed. */
  ensureActive: () => Promise<void>
  /** The proxy that was entered by itself, for settings of AWS that name none. */
  proxy: Pick<ReturnType<typeof proxyService>, 'fill' | 'keptWith'>
}

/** New settings of vCenter. Without `trust` the certificate stays trusted as it is, for the same host. */
export interface VcenterChange {
  host: string
  username: string
  password: string
  trust?: CertificateTrust
}

/** The verbs on settings and registration. Changes follow each other: two registrations at once would make two buckets. */
export function settingsService({
  settings,
  connections,
  version,
  busy,
  registered,
  ensureActive,
  proxy,
}: SettingsServiceOptions) {
  const inTurn = oneAtATime()

  /** Another account, Region or vCenter: what runs have made in the present one could not be found there any more. */
  async function mayMove(to: { accountId?: string; region?: string; instanceUuid?: string }): Promise<void> {
    const { bucket, awsAccountId, bucketRegion, vcenterInstanceUuid } = await ensureConnector(settings)
    const { accountId, region, instanceUuid } = to
    const otherAws =
      bucket !== undefined && accountId !== undefined && (accountId !== awsAccountId || region !== bucketRegion)
    const otherVcenter = instanceUuid !== undefined && ![undefined, instanceUuid].includes(vcenterInstanceUuid)
    if (!otherAws && !otherVcenter) return
    await ensureActive()
    if (await busy()) throw runsUnderWay()
  }

  /** A certificate that was accepted for one host says nothing of another. */
  async function keptTrust(host: string): Promise<CertificateTrust> {
    const stored = await settings.getVcenter()
    if (stored?.host === host) return stored.trust
    throw new ApplianceError('INVALID_REQUEST', `The certificate of ${host} has not been accepted yet`, {
      hint: 'Look at the certificate and say how it is trusted.',
    })
  }

  return {
    async view() {
      const vcenter = await settings.getVcenter()
      const aws = await settings.getAws()
      return {
        ...(vcenter ? { vcenter: vcenterView(vcenter) } : {}),
        ...(aws ? { aws: awsView(aws) } : {}),
      }
    },

    certificate: (host: string) => fetchCertificate(plainHost(host)),

    /** What the account in vCenter needs, also before vCenter is known. */
    privileges: () => ({ items: requiredPrivileges.map(({ id, purpose }) => ({ id, purpose })) }),

    /** Asks vCenter now. @throws {ApplianceError} NOT_CONFIGURED, VCENTER_* */
    async vcenterIdentity(signal: AbortSignal) {
      const session = await connections.vcenter()
      const proof = await proveVcenter(session, { signal })
      const stored = await settings.getVcenter()
      return {
        host: stored?.host ?? '',
        username: stored?.username ?? '',
        ...proof,
        checkedAt: new Date().toISOString(),
      }
    },

    async changeVcenter(body: VcenterChange) {
      return await inTurn(async () => {
        const { password, username } = body
        const host = plainHost(body.host)
        const vcenter = { host, username, trust: body.trust ? plainTrust(body.trust) : await keptTrust(host) }
        const proof = await connections.changeVcenter(vcenter, password, ({ instanceUuid }) =>
          mayMove({ instanceUuid }),
        )
        await forgetOtherVcenter(settings, proof.instanceUuid)
        return { ...vcenterView(vcenter), ...proof }
      })
    },

    async changeAws(entered: AwsSettings, enteredSecret: AwsSecret) {
      refuseOddUrls(entered)
      refuseOddTime(entered)
      return await inTurn(async () => {
        const { aws, secret } = await proxy.fill(entered, enteredSecret)
        const { region } = aws
        const { accountId, arn } = await connections.changeAws(aws, secret, ({ accountId }) =>
          mayMove({ accountId, region }),
        )
        await proxy.keptWith(aws)
        await forgetOtherAccount(settings, accountId, aws.region)
        return { ...awsView(aws), accountId, arn }
      })
    },

    connector: () => ensureConnector(settings),
    register: (signal: AbortSignal) =>
      inTurn(async () => {
        await ensureActive()
        const connector = await registerConnector(settings, connections, version, signal)
        await registered()
        return connector
      }),
    /** The bucket alone, before vCenter is known. */
    createBucket: (signal: AbortSignal) =>
      inTurn(async () => {
        await ensureActive()
        const former = await ensureConnector(settings)
        const { bucket = '' } = await ensureConnectorBucket(settings, connections, signal)
        return { bucket, created: former.bucket !== bucket }
      }),
    unregister: (signal: AbortSignal) =>
      inTurn(async () => {
        await ensureActive()
        if (await busy()) throw runsUnderWay()
        return await unregisterConnector(settings, connections, signal)
      }),
  }
}

function runsUnderWay(): ApplianceError {
  return new ApplianceError('RUN_IN_PROGRESS', 'Runs are under way', {
    hint: 'Cancel them or wait for their end first.',
  })
}

/** What the schema cannot tell: whether a URL can be read, and that it carries no secret into what is stored and shown. */
function refuseOddUrls({ endpoints, proxyUrl }: AwsSettings): void {
  for (const [name, text] of Object.entries({ ...endpoints, proxy: proxyUrl })) {
    if (text === undefined) continue
    const url = URL.parse(text)
    if (url !== null && url.username === '' && url.password === '') continue
    throw new ApplianceError('INVALID_REQUEST', `The URL of ${name} is not one that can be used`, {
      hint: 'Enter it as https://host or https://host:port, without a user name or password in it.',
    })
  }
}

function refuseOddTime({ sessionExpiresAt: text }: AwsSettings): void {
  if (text === undefined || !Number.isNaN(Date.parse(text))) return
  throw new ApplianceError('INVALID_REQUEST', `There is no time ${text}`, {
    hint: 'Enter when the session ends as 2026-03-01T02:00:00Z.',
  })
}

/** Without blanks before it, which come with copying: behind it they do no harm. */
function plainTrust(trust: CertificateTrust): CertificateTrust {
  return trust.kind === 'ca'
    ? { kind: 'ca', caPem: trust.caPem.trimStart() }
    : { kind: 'pinned', certificatePem: trust.certificatePem.trimStart() }
}

function vcenterView({ host, username, trust }: VcenterSettings) {
  return { host, username, trust: trust.kind }
}

function awsView(settings: AwsSettings) {
  const { region, accessKeyId, sessionExpiresAt, assumeRoleArn, endpoints, proxyUrl, proxyUsername, importRoleName } =
    settings
  return {
    region,
    accessKeyId,
    endpoints,
    importRoleName,
    ...(sessionExpiresAt === undefined ? {} : { sessionExpiresAt }),
    ...(assumeRoleArn === undefined ? {} : { assumeRoleArn }),
    ...(proxyUrl === undefined ? {} : { proxyUrl }),
    ...(proxyUsername === undefined ? {} : { proxyUsername }),
  }
}
