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
import { ensureConnector, registerConnector, unregisterConnector } from './registration.ts'

export interface SettingsServiceOptions {
  settings: SettingsRepository
  connections: Connections
  version: string
}

/** The verbs on settings and registration. */
export function settingsService({ settings, connections, version }: SettingsServiceOptions) {
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
      return { ...vcenterView(vcenter), ...(await connections.changeVcenter(vcenter, password)) }
    },

    async changeAws(aws: AwsSettings, secret: AwsSecret) {
      const { accountId, arn } = await connections.changeAws(aws, secret)
      return { ...awsView(aws), accountId, arn }
    },

    connector: () => ensureConnector(settings),
    register: (signal: AbortSignal) => registerConnector(settings, connections, version, signal),
    unregister: (signal: AbortSignal) => unregisterConnector(settings, connections, signal),

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

function awsView({ region, accessKeyId, assumeRoleArn, endpoints, proxyUrl, importRoleName }: AwsSettings) {
  return {
    region,
    accessKeyId,
    endpoints,
    importRoleName,
    ...(assumeRoleArn === undefined ? {} : { assumeRoleArn }),
    ...(proxyUrl === undefined ? {} : { proxyUrl }),
  }
}
