// What `govc import.ova -options=FILE` takes, ready to be filled in: the deployment wizard's pages as a file.
import { deploymentSizes, NETWORK_NAME } from './hardware.ts'
import { properties } from './properties.ts'

/** An OVF descriptor cannot say how disks are provisioned: whoever deploys does. */
export type Provisioning = 'thin' | 'thick'

/** JSON, with the default size and every property at its default. Fill in `Network` and what the site needs. */
export function formatDeployOptions(provisioning: Provisioning): string {
  const options = {
    Deployment: deploymentSizes[0].id,
    DiskProvisioning: provisioning,
    IPAllocationPolicy: 'fixedPolicy',
    IPProtocol: 'IPv4',
    PropertyMapping: properties.map(({ key, fallback = '' }) => ({ Key: key, Value: fallback })),
    NetworkMapping: [{ Name: NETWORK_NAME, Network: '' }],
    MarkAsTemplate: false,
    PowerOn: false,
    InjectOvfEnv: false,
    WaitForIP: false,
    Name: null,
  }
  return `${JSON.stringify(options, null, 2)}\n`
}
