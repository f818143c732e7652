// Registers this connector on both sides: an extension in vCenter, a bucket of its own in AWS.
import { randomBytes } from 'node:crypto'
import { identify } from '../aws/credentials.ts'
import { checkImportRole, ensureBucket } from '../aws/registration.ts'
import type { AwsSettings, Connector } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import type { SettingsRepository } from '../store/settings.ts'
import { findExtension, registerExtension, unregisterExtension } from '../vsphere/extension.ts'
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
  const vcenter = await connections.vcenter()
  const { importRoleName: roleName } = await awsSettingsOf(settings)
  const aws = await connections.aws()
  const { accountId } = await identify(aws, { signal })
  await checkImportRole({ clients: aws, roleName, accountId, signal })
  const connector = await ensureConnectorBucket(settings, connections, signal)
  await registerExtension(vcenter, { connectorId: connector.id, version }, { signal })
  const registered = { ...(await ensureConnector(settings)), vcenterInstanceUuid: vcenter.about.instanceUuid }
  await settings.setConnector(registered)
  return registered
}

/** Finds, repairs or makes the connector's bucket alone: the wizard makes it before vCenter is known. */
export async function ensureConnectorBucket(
  settings: SettingsRepository,
  connections: Connections,
  signal: AbortSignal,
): Promise<Connector> {
  const { region } = await awsSettingsOf(settings)
  const aws = await connections.aws()
  const { accountId, partition } = await identify(aws, { signal })
  const former = await ensureConnector(settings)
  const known = former.awsAccountId === accountId && former.bucketRegion === region && former.bucket
  // An identity belongs to one bucket: copies of an appliance that was never registered become connectors of their own.
  if (!known) await settings.setConnector(newConnector())
  const { id: connectorId } = await ensureConnector(settings)
  const note = async (bucket: string) => {
    const place = { bucket, bucketRegion: region, awsAccountId: accountId }
    await settings.setConnector({ ...(await ensureConnector(settings)), ...place })
  }
  await ensureBucket({
    ...{ clients: aws, connectorId, accountId, partition, region, onName: note, signal },
    ...(known ? { existing: known } : {}),
  })
  return await ensureConnector(settings)
}

async function awsSettingsOf(settings: SettingsRepository): Promise<AwsSettings> {
  const found = await settings.getAws()
  if (found) return found
  throw new ApplianceError('NOT_CONFIGURED', 'AWS has not been set up yet', {
    hint: 'Enter the settings of AWS first.',
  })
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
  return { id: randomBytes(6).toString('hex'), mark: 0, generation: randomBytes(8).toString('hex') }
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

/** Takes our extension out of vCenter, and leaves another connector's. The bucket stays: it may hold what a run still needs, and costs nothing when empty. */
export async function unregisterConnector(
  settings: SettingsRepository,
  connections: Connections,
  signal: AbortSignal,
): Promise<Connector> {
  const vcenter = await connections.vcenter()
  const found = await findExtension(vcenter, { signal })
  const connector = await ensureConnector(settings)
  if (found?.connectorId === undefined || found.connectorId === connector.id)
    await unregisterExtension(vcenter, { signal })
  const { vcenterInstanceUuid: _gone, ...rest } = connector
  await settings.setConnector(rest)
  return rest
}
