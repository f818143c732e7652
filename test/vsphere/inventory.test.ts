// The inventory: every fact of a server as the lab was told to build it.

import t from 'tap'
import type { Server } from '../../appliance/domain.ts'
import { retrieveServer, retrieveServers } from '../../appliance/vsphere/inventory.ts'
import { mebibyte, serverNamed, startVcenterLab } from './lab-session.ts'

const vcenter = await startVcenterLab(t, {
  datastores: [
    { name: 'vmfs1', type: 'VMFS' },
    { name: 'nfs1', type: 'NFS' },
  ],
  hosts: [{ name: 'esx1.lab' }, { name: 'esx2.lab' }],
  generatedVms: 20,
  vms: [
    {
      name: 'web01',
      guestId: 'windows2019srv_64Guest',
      firmware: 'efi',
      secureBoot: true,
      vTpm: true,
      hardwareVersion: 19,
      powerState: 'poweredOn',
      memoryMiB: 2048,
      cpus: 2,
      host: 'esx2.lab',
      iso: '[nfs1] iso/debian.iso',
      nics: [{ mac: '00:50:56:aa:bb:cc', addresses: ['10.0.0.5', 'fe80::1'] }],
      snapshots: ['before-upgrade', 'after-upgrade'],
      disks: [
        { label: 'Hard disk 1', sizeBytes: 8 * mebibyte, thick: true },
        { sizeBytes: 3 * mebibyte + 512, datastore: 'nfs1', mode: 'independent_persistent' },
      ],
    },
    {
      name: 'odd01',
      disks: [
        { sizeBytes: mebibyte, rdm: 'physical' },
        { sizeBytes: mebibyte, rdm: 'virtual' },
        { sizeBytes: mebibyte, sharing: 'multiWriter' },
      ],
    },
    { name: 'secret01', encrypted: true, disks: [{ sizeBytes: mebibyte, encrypted: true }] },
    { name: 'golden', powerState: 'poweredOff', template: true, disks: [{ sizeBytes: mebibyte }] },
    { name: 'twin01', faultTolerance: true, disks: [{ sizeBytes: mebibyte }] },
    { name: 'a/b%c', powerState: 'suspended', hardwareVersion: 4, disks: [{ sizeBytes: mebibyte }] },
  ],
})
const session = await vcenter.connect()

t.test('a server carries everything that a run and the readiness checks ask for', async t => {
  const web01 = await serverNamed(session, 'web01')
  t.match(web01, {
    id: /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/,
    moref: /^vm-\d+$/,
    path: /^\/[^/]+\/vm\/web01$/,
    guestId: 'windows2019srv_64Guest',
    firmware: 'efi',
    secureBoot: true,
    vTpm: true,
    hardwareVersion: 19,
    cpus: 2,
    memoryMiB: 2048,
    powerState: 'poweredOn',
    hostName: 'esx2.lab',
    hostMoref: /^host-\d+$/,
    isTemplate: false,
    faultTolerant: false,
    // A vTPM's secrets lie in the VM's home, which vSphere encrypts for them.
    encrypted: true,
    changeTrackingSupported: true,
    changeTrackingEnabled: false,
    isoPaths: ['[nfs1] iso/debian.iso'],
  } as unknown as Partial<Server>)
  t.match(web01.disks, [
    {
      label: 'Hard disk 1',
      sizeBytes: 8 * mebibyte,
      datastore: 'vmfs1',
      thin: false,
      mode: 'persistent',
      sharing: 'none',
      kind: 'file',
      encrypted: false,
    },
    { sizeBytes: 3 * mebibyte + 512, datastore: 'nfs1', thin: true, mode: 'independent_persistent' },
  ])
  for (const disk of web01.disks) {
    t.ok(disk.backingUuid)
    t.ok(disk.fileName.startsWith(`[${disk.datastore}] `))
  }
  t.match(web01.nics, [{ mac: '00:50:56:aa:bb:cc', connected: true, addresses: ['10.0.0.5', 'fe80::1'] }])
  t.not(web01.nics[0]?.network, '')
  t.same(
    web01.snapshots.map(snapshot => snapshot.name),
    ['before-upgrade', 'after-upgrade'],
  )
})

t.test(
  'what a server must be refused for is seen: raw device mappings, sharing, encryption, fault tolerance, templates',
  async t => {
    const odd = await serverNamed(session, 'odd01')
    t.same(
      odd.disks.map(disk => [disk.kind, disk.sharing]),
      [
        ['rdmPhysical', 'none'],
        ['rdmVirtual', 'none'],
        ['file', 'multiWriter'],
      ],
    )
    const secret = await serverNamed(session, 'secret01')
    t.equal(secret.encrypted, true)
    t.equal(secret.disks[0]?.encrypted, true)
    t.equal((await serverNamed(session, 'golden')).isTemplate, true)
    t.equal((await serverNamed(session, 'twin01')).faultTolerant, true)
  },
)

t.test('a name with a slash and a percent sign is shown as people typed it', async t => {
  const server = await serverNamed(session, 'a/b%c')
  t.equal(server.powerState, 'suspended')
  t.equal(server.hardwareVersion, 4)
  t.ok(server.path.endsWith('/vm/a/b%c'), server.path)
})

t.test(
  'pages hold at most what was asked for, each server comes once, and one server reads as in the import',
  async t => {
    const all: Server[] = []
    for await (const page of retrieveServers(session, { pageSize: 4 })) {
      t.ok(page.length <= 4)
      all.push(...page)
    }
    t.equal(all.length, 26)
    t.equal(new Set(all.map(server => server.id)).size, 26)
    for (const server of all) t.same(await retrieveServer(session, server.moref), server)
  },
)

t.test('an import that is stopped early, or aborted, leaves no view behind', async t => {
  for await (const page of retrieveServers(session, { pageSize: 4 })) {
    t.equal(page.length, 4)
    break
  }
  const abort = new AbortController()
  const importing = (async () => {
    for await (const _ of retrieveServers(session, { pageSize: 4, signal: abort.signal }))
      abort.abort(new Error('enough'))
  })()
  await t.rejects(importing, { message: 'enough' })
  const methods = await vcenter.receivedMethods()
  const count = (method: string) => methods.filter(received => received === method).length
  t.equal(count('DestroyView'), count('CreateContainerView'))
})

t.test('a server that was deleted after the import is gone by name', async t => {
  const golden = await serverNamed(session, 'golden')
  await vcenter.lab.vcenterControl('DELETE', '/vms/golden')
  await t.rejects(retrieveServer(session, golden.moref), { code: 'SERVER_GONE', message: new RegExp(golden.moref) })
})
