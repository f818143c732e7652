// What the wizard shows of AWS: Regions, who we are and what we lack, and the policies to grant, also before there are credentials.
import { identify } from '../aws/credentials.ts'
import { missingActions } from '../aws/missing-actions.ts'
import {
  accessKeyPolicy,
  defaultBucketPrefix as bucketPrefix,
  type ConnectorPolicyInput,
  cloudFormationTemplate,
  connectorPolicy,
  type PolicyDocument,
  vmimportRolePolicy,
  vmimportTrustPolicy,
} from '../aws/permissions.ts'
import { type AwsRegion, awsRegions, partitionOf } from '../aws/regions.ts'
import { ApplianceError } from '../errors.ts'
import type { SettingsRepository } from '../store/settings.ts'
import type { Connections } from './connections.ts'
import { ensureConnector } from './registration.ts'

export interface AwsSetupOptions {
  settings: SettingsRepository
  connections: Pick<Connections, 'aws'>
  /** Topics outside of this account or by another name, which the policy has to name. */
  topicArns: () => Promise<string[]>
}

export interface Policies {
  connector: PolicyDocument
  vmimportTrust: PolicyDocument
  vmimportRole: PolicyDocument
  /** Of the access key, when it only assumes the role that carries the connector's policy. */
  accessKey?: PolicyDocument
}

export interface AwsIdentityView {
  accountId: string
  arn: string
  missingActions: string[]
  uncheckedActions: string[]
  checkedBy: 'simulation' | 'dryRun'
}

/** Whose policies: absent means those of the settings in use. */
export interface PolicyQuery {
  accountId?: string
  region?: string
}

export function awsSetupService({ settings, connections, topicArns }: AwsSetupOptions) {
  async function input({ accountId, region }: PolicyQuery): Promise<ConnectorPolicyInput> {
    const aws = await settings.getAws()
    const common = {
      bucketPrefix,
      importRoleName: aws?.importRoleName ?? 'vmimport',
      assumeRoleArn: aws?.assumeRoleArn,
      topicArns: await topicArns(),
    }
    if (accountId !== undefined && region !== undefined)
      return { ...common, accountId, region, partition: partitionOf(region) }
    if (!aws) {
      throw new ApplianceError('NOT_CONFIGURED', 'AWS has not been set up yet', {
        hint: 'Name the account and the Region, or enter the AWS settings first: the policies name both.',
      })
    }
    const identity = await identify(await connections.aws())
    return { ...common, ...identity, region: aws.region }
  }

  return {
    regions: (): readonly AwsRegion[] => awsRegions,

    async identity(signal: AbortSignal): Promise<AwsIdentityView> {
      const clients = await connections.aws()
      const identity = await identify(clients, { signal })
      const { accountId, arn, partition } = identity
      const { id: connectorId, bucket } = await ensureConnector(settings)
      const { importRoleName, region, assumeRoleArn } = clients.settings
      const policy = connectorPolicy({
        ...{ accountId, partition, region, bucketPrefix, importRoleName, assumeRoleArn },
        topicArns: await topicArns(),
      })
      const report = await missingActions({ clients, identity, policy, bucket, connectorId, importRoleName, signal })
      const { missing, unchecked, checkedBy } = report
      return { accountId, arn, missingActions: missing, uncheckedActions: unchecked, checkedBy }
    },

    async policies(query: PolicyQuery): Promise<Policies> {
      const given = await input(query)
      return {
        connector: connectorPolicy(given),
        vmimportTrust: vmimportTrustPolicy(given),
        vmimportRole: vmimportRolePolicy(given),
        ...(given.assumeRoleArn === undefined
          ? {}
          : { accessKey: accessKeyPolicy({ assumeRoleArn: given.assumeRoleArn }) }),
      }
    },

    template: async (query: PolicyQuery) => cloudFormationTemplate(await input(query)),
  }
}
