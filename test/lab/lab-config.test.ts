import { join } from 'node:path'
import t from 'tap'
import { checkLabConfig, LabConfigError, readLabConfig } from './lab-config.ts'

const mistakesOf = (config: unknown): string => {
  try {
    checkLabConfig(config)
  } catch (error) {
    if (error instanceof LabConfigError) return error.message
    throw error
  }
  return ''
}

t.test('an empty config is a lab without VMs', async t => {
  t.equal(mistakesOf({}), '')
})

t.test('a VM with every field is accepted', async t => {
  const config = {
    seed: 1,
    datastores: [{ name: 'vmfs1', type: 'VMFS', capacityBytes: 2 ** 40, freeBytes: 2 ** 39 }],
    hosts: [{ name: 'esx1.lab', datastores: ['vmfs1'] }],
    vms: [
      {
        name: 'web01',
        guestId: 'debian12_64Guest',
        firmware: 'efi',
        secureBoot: true,
        vTpm: false,
        hardwareVersion: 19,
        powerState: 'poweredOn',
        memoryMiB: 2048,
        cpus: 2,
        datastore: 'vmfs1',
        host: 'esx1.lab',
        nics: [{ mac: '00:50:56:00:00:01', addresses: ['10.0.0.5'] }],
        changeTracking: false,
        snapshots: ['before-upgrade'],
        iso: '[nfs1] iso/debian.iso',
        encrypted: false,
        disks: [
          { label: 'Hard disk 1', file: '/disks/root.raw' },
          { sizeBytes: 37 * 512, seed: 7, fill: 0.5, kind: 'noise', mode: 'independent_persistent' },
          { sizeBytes: 512, rdm: 'physical', sharing: 'multiWriter', encrypted: true },
        ],
      },
    ],
    generatedVms: 10_000,
    denyPrivileges: { 'hoist@vsphere.local': ['VirtualMachine.State.CreateSnapshot'] },
    nfc: { pinEncoding: true },
    leaseTimeoutSeconds: 2,
    sessionTimeoutSeconds: 0.5,
    aws: { region: 'eu-west-1', accountId: '111122223333', vmimportRole: false, quotas: { pendingSnapshots: 2 } },
  }
  t.equal(mistakesOf(config), '')
})

t.test('an unknown key is named with its place', async t => {
  t.match(mistakesOf({ vms: [{ name: 'a', diks: [] }] }), '/vms/0/diks')
  t.match(mistakesOf({ virtualMachines: [] }), '/virtualMachines')
})

t.test('a disk that is both a file and generated is refused', async t => {
  t.match(mistakesOf({ vms: [{ name: 'a', disks: [{ file: '/x', sizeBytes: 512 }] }] }), '/vms/0/disks/0')
})

t.test('a size that is no multiple of a sector is refused', async t => {
  t.match(mistakesOf({ vms: [{ name: 'a', disks: [{ sizeBytes: 1000 }] }] }), '/vms/0/disks/0/sizeBytes')
})

t.test('names that are there twice or point nowhere are refused', async t => {
  const message = mistakesOf({
    hosts: [{ name: 'esx1.lab' }],
    datastores: [{ name: 'vmfs1', type: 'VMFS' }],
    vms: [
      { name: 'a' },
      { name: 'a', host: 'esx2.lab', datastore: 'vmfs2', disks: [{ sizeBytes: 512, datastore: 'x' }] },
    ],
  })
  t.match(message, '/vms/1/name is there twice: a')
  t.match(message, '/vms/1/host names no host of this file: esx2.lab')
  t.match(message, '/vms/1/datastore names no datastore of this file: vmfs2')
  t.match(message, '/vms/1/disks/0/datastore names no datastore of this file: x')
})

t.test('a file that is not JSON is refused with its path', async t => {
  const directory = t.testdir({ 'lab.json': '{ "seed": 1,' })
  await t.rejects(readLabConfig(`${directory}/lab.json`), { message: /lab\.json is not JSON/ })
})

t.test('the inventory that `npm run lab` has without a file', async t => {
  const { vms = [] } = await readLabConfig(join(import.meta.dirname, 'sample-inventory.json'))
  t.ok(vms.length > 3)
  t.ok(vms.every(({ disks = [] }) => disks.length > 0))
})
