// What a run finds in vCenter goes before what the catalog remembers.

import { DescribeImagesCommand, EC2Client } from '@aws-sdk/client-ec2'
import t from 'tap'
import { VcenterSession } from '../../appliance/vsphere/session.ts'
import { reference } from '../../appliance/vsphere/vim.ts'
import { proveRun } from '../demo/verify.ts'
import { startSite } from '../site.ts'
import { quickAws } from './endings.ts'

const mib = 1024 * 1024
const site = await startSite({
  aws: quickAws,
  vms: [
    { name: 'grown', powerState: 'poweredOff', disks: [{ sizeBytes: 8 * mib, kind: 'data', fill: 0.5, seed: 5 }] },
    { name: 'reordered', disks: [6, 7].map(seed => ({ sizeBytes: 8 * mib, kind: 'data', fill: 0.5, seed })) },
  ],
})
t.teardown(() => site.stop())
await site.setUp()

t.test('a disk that grew since the import is replicated at its new size', async t => {
  const before = await site.server('grown')
  const key = before.disks[0]?.key ?? 0
  await site.lab.vcenterControl('POST', '/vms/grown/resize', { key, sizeBytes: 12 * mib })
  await site.lab.vcenterControl('POST', `/vms/grown/disks/${key}/write`, { offset: 11 * mib, seed: 9, length: 65536 })
  const run = await site.replicate('grown')
  t.equal(run.state, 'succeeded', run.failure?.message ?? '')
  t.equal(before.disks[0]?.sizeBytes, 8 * mib)
  t.equal(run.disks[0]?.sizeBytes, 12 * mib)
  const proof = await proveRun(site.lab, run, 'registered')
  t.ok(proof.disks[0]?.equal)
})

t.test('the disk that boots by the order of the firmware is the root of the image', async t => {
  const { moref, disks } = await site.server('reordered')
  const bootKey = disks[1]?.key ?? 0
  await setBootDisk(moref, bootKey)
  const run = await site.replicate('reordered')
  t.equal(run.state, 'succeeded', run.failure?.message ?? '')
  const { endpoint, region, admin } = site.lab.aws
  const ec2 = new EC2Client({ endpoint, region, credentials: admin })
  const { Images: images } = await ec2.send(new DescribeImagesCommand({ ImageIds: [run.imageId ?? ''] }))
  ec2.destroy()
  const root = images?.[0]?.BlockDeviceMappings?.find(mapping => mapping.DeviceName === images[0]?.RootDeviceName)
  t.equal(root?.Ebs?.SnapshotId, run.disks.find(disk => disk.key === bootKey)?.snapshotId)
})

async function setBootDisk(moref: string, deviceKey: number): Promise<void> {
  const { host, admin, certificatePem } = site.lab.vcenter
  const session = await VcenterSession.open({ host, ...admin, trust: { kind: 'pinned', certificatePem } })
  const disk = { xsiType: 'VirtualMachineBootOptionsBootableDiskDevice', fields: { deviceKey } }
  await session.call('ReconfigVM_Task', {
    _this: reference('VirtualMachine', moref),
    spec: { bootOptions: { bootOrder: [disk] } },
  })
  await session.close()
}
