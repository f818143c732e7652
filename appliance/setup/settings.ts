// Settings as users see and change them: proven by use before they are kept, shown without secrets.
import type { AwsClients, AwsSecret } from '../aws/clients.ts'
import { identify } from '../aws/credentials.ts'
import {
  defaultBucketPrefix as bucketPrefix,
  connectorPolicy,
  vmimportRolePolicy,
  vmimportTrustPolicy,
} from '../aws/permissions.ts'
import type { AwsSettings, CertificateTrust, VcenterSettings } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import type { SettingsRepository } from '../store/settings.ts'
import { fetchCertificate } from '../vsphere/certificate.ts'
import type { Connections } from './connections.ts'
import {
  ensureConnector,
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
}

/** The verbs on settings and registration. Changes follow each other: two registrations at once would make two buckets. */
export function settingsService({ settings, connections, version, busy, registered }: SettingsServiceOptions) {
  const inTurn = oneAtATime()
  return {
    async view() {
      const vcenter = await settings.getVcenter()
      const aws = await settings.getAws()
      return {
        ...(vcenter ? { vcenter: vcenterView(vcenter) } : {}),
        ...(aws ? { aws: awsView(aws) } : {}),
      }
    },

    certificate: (host: string) => fetchCertificate(host),

    async changeVcenter(body: { host: string; username: string; password: string; trust: CertificateTrust }) {
      const { password, ...vcenter } = body
      return await inTurn(async () => {
        const proof = await connections.changeVcenter(vcenter, password)
        await forgetOtherVcenter(settings, proof.instanceUuid)
        return { ...vcenterView(vcenter), ...proof }
      })
    },

    async changeAws(aws: AwsSettings, secret: AwsSecret) {
      refuseOddUrls(aws)
      return await inTurn(async () => {
        const { accountId, arn } = await connections.changeAws(aws, secret)
        await forgetOtherAccount(settings, accountId, aws.region)
        return { ...awsView(aws), accountId, arn }
      })
    },

    connector: () => ensureConnector(settings),
    register: (signal: AbortSignal) =>
      inTurn(async () => {
        const connector = await registerConnector(settings, connections, version, signal)
        await registered()
        return connector
      }),
    unregister: (signal: AbortSignal) =>
      inTurn(async () => {
        if (await busy())
          throw new ApplianceError('RUN_IN_PROGRESS', 'Runs are under way', {
            hint: 'Cancel them or wait for their end, then unregister.',
          })
        return await unregisterConnector(settings, connections, signal)
      }),

    /** The documents to grant, filled in with the account and Region in use. */
    async policies() {
      const aws = await settings.getAws()
      if (!aws) {
        throw new ApplianceError('NOT_CONFIGURED', 'AWS has not been set up yet', {
          hint: 'Enter the Region and credentials first: the policies name the account.',
        })
      }
      return await policiesFor(await connections.aws(), aws.region)
    },
  }
}

/** Runs what it is given one after the other; a failure is its caller's alone. */
function oneAtATime() {
  let last: Promise<unknown> = Promise.resolve()
  return <T>(change: () => Promise<T>): Promise<T> => {
    const result = last.then(change)
    last = result.catch(() => undefined)
    return result
  }
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

async function policiesFor(clients: AwsClients, region: string) {
  const { accountId, partition } = await identify(clients)
  return {
    connector: connectorPolicy({ partition, accountId, region, bucketPrefix }),
    vmimportTrust: vmimportTrustPolicy({ accountId }),
    vmimportRole: vmimportRolePolicy({ partition, accountId, bucketPrefix }),
  }
}

function vcenterView({ host, username, trust }: VcenterSettings) {
  return { host, username, trust: trust.kind }
}

function awsView(settings: AwsSettings) {
  const { region, accessKeyId, assumeRoleArn, endpoints, proxyUrl, proxyUsername, importRoleName } = settings
  return {
    region,
    accessKeyId,
    endpoints,
    importRoleName,
    ...(assumeRoleArn === undefined ? {} : { assumeRoleArn }),
    ...(proxyUrl === undefined ? {} : { proxyUrl }),
    ...(proxyUsername === undefined ? {} : { proxyUsername }),
  }
}
