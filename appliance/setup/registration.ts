// Registers this connector on both sides: an extension in vCenter, a bucket of its own in AWS.
import { randomBytes } from 'node:crypto'
import { identify } from '../aws/credentials.ts'
import { checkImportRole, ensureBucket } from '../aws/registration.ts'
import type { Connector } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import type { SettingsRepository } from '../store/settings.ts'
import { registerExtension, unregisterExtension } from '../vsphere/extension.ts'
import type { Connections } from './connections.ts'

/**
 * Registers, or repairs a registration. The bucket is noted as soon as it stands, so that a failure
 * on the way is finished by the next call instead of leaving a second bucket.
 */
export async function registerConnector(
  settings: SettingsRepository,
  connections: Connections,
  version: string,
  signal: AbortSignal,
): Promise<Connector> {
  const awsSettings = await settings.getAws()
  if (!awsSettings)
    throw new ApplianceError('NOT_CONFIGURED', 'AWS has not been set up yet', {
      hint: 'Enter the settings of AWS first.',
    })
  const vcenter = await connections.vcenter()
  const aws = await connections.aws()
  let connector = await ensureConnector(settings)

  const { accountId, partition } = await identify(aws, { signal })
  await checkImportRole({ clients: aws, roleName: awsSettings.importRoleName, accountId, signal })
  const known = connector.awsAccountId === accountId && connector.bucketRegion === awsSettings.region
  const note = async (bucket: string) => {
    connector = { ...connector, bucket, bucketRegion: awsSettings.region, awsAccountId: accountId }
    await settings.setConnector(connector)
  }
  await ensureBucket({
    clients: aws,
    connectorId: connector.id,
    accountId,
    partition,
    region: awsSettings.region,
    ...(known && connector.bucket ? { existing: connector.bucket } : {}),
    onName: note,
    signal,
  })

  await registerExtension(vcenter, { connectorId: connector.id, version }, { signal })
  connector = { ...connector, vcenterInstanceUuid: vcenter.about.instanceUuid }
  await settings.setConnector(connector)
  return connector
}

/** This appliance's identity, made at the first call: short, as it becomes part of a bucket's name. */
export async function ensureConnector(settings: SettingsRepository): Promise<Connector> {
  const known = await settings.getConnector()
  if (known) return known
  const connector = newConnector()
  await settings.setConnector(connector)
  return connector
}

/** An identity that nothing carries yet. */
export function newConnector(): Connector {
  return { id: randomBytes(6).toString('hex'), mark: 0 }
}

/** A registration in another vCenter than the one now set up is none. */
export async function forgetOtherVcenter(settings: SettingsRepository, instanceUuid: string): Promise<void> {
  const { vcenterInstanceUuid, ...rest } = await ensureConnector(settings)
  if (vcenterInstanceUuid !== undefined && vcenterInstanceUuid !== instanceUuid) await settings.setConnector(rest)
}

/** A bucket of another account, or in another Region, is not the connector's any more: VM Import could not read it. */
export async function forgetOtherAccount(
  settings: SettingsRepository,
  accountId: string,
  region: string,
): Promise<void> {
  const { bucket, bucketRegion, awsAccountId, ...rest } = await ensureConnector(settings)
  const same = awsAccountId === accountId && bucketRegion === region
  if (bucket !== undefined && !same) await settings.setConnector(rest)
}

/** Takes the extension out of vCenter. The bucket stays: it may hold what a run still needs, and costs nothing when empty. */
export async function unregisterConnector(
  settings: SettingsRepository,
  connections: Connections,
  signal: AbortSignal,
): Promise<Connector> {
  const connector = await ensureConnector(settings)
  await unregisterExtension(await connections.vcenter(), { signal })
  const { vcenterInstanceUuid: _gone, ...rest } = connector
  await settings.setConnector(rest)
  return rest
}
