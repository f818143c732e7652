// What the tests of appliance/setup share: a store of their own, and connections to one lab without the API around them.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { AwsSecret } from '../../appliance/aws/clients.ts'
import type { AwsSettings, VcenterSettings } from '../../appliance/domain.ts'
import type { ClockGate } from '../../appliance/setup/clock-gate.ts'
import { Connections } from '../../appliance/setup/connections.ts'
import { openStore, type Store } from '../../appliance/store/store.ts'
import type { AccessKey, Lab } from '../lab/lab.ts'

export interface Parts {
  store: Store
  connections: Connections
}

/** Of a machine that keeps its time. */
const rightClock = { pass: async () => undefined }

/** An empty store, and connections on it; gone with the test. */
export async function applianceParts(t: Test, clock: Pick<ClockGate, 'pass'> = rightClock): Promise<Parts> {
  const dataDir = await mkdtemp(join(tmpdir(), 'hoist-setup-'))
  const store = await openStore(dataDir)
  const connections = new Connections(store.settings, store.secrets, () => undefined, clock)
  t.teardown(async () => {
    await connections.close()
    store.close()
    await rm(dataDir, { recursive: true, force: true })
  })
  return { store, connections }
}

export function vcenterSettings(lab: Lab): VcenterSettings {
  return {
    host: lab.vcenter.host,
    username: lab.vcenter.connector.username,
    trust: { kind: 'pinned', certificatePem: lab.vcenter.certificatePem },
  }
}

export function awsSettings(lab: Lab, key: AccessKey = lab.aws.connector): AwsSettings {
  const { endpoint, region } = lab.aws
  return {
    region,
    accessKeyId: key.accessKeyId,
    endpoints: { s3: endpoint, ec2: endpoint, sts: endpoint, iam: endpoint },
    importRoleName: 'vmimport',
  }
}

export function awsSecret(lab: Lab): AwsSecret {
  return { secretAccessKey: lab.aws.connector.secretAccessKey }
}

/** Sets both sides up as the lab has them. */
export async function connectBoth(lab: Lab, { connections }: Parts): Promise<void> {
  await connections.changeVcenter(vcenterSettings(lab), lab.vcenter.connector.password)
  await connections.changeAws(awsSettings(lab), awsSecret(lab))
}
