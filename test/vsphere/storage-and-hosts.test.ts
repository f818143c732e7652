// Hosts with their certificates, datastores with their space.

import t from 'tap'
import { summarizeCertificate } from '../../appliance/vsphere/certificate.ts'
import { datastoresOf, retrieveHost, retrieveHosts } from '../../appliance/vsphere/storage-and-hosts.ts'
import { mebibyte, serverNamed, startVcenterLab } from './lab-session.ts'

const sized = { capacityBytes: 10_000_000_000, freeBytes: 4_000_000_000 }
const vcenter = await startVcenterLab(t, {
  datastores: [
    { name: 'vmfs1', type: 'VMFS', ...sized },
    { name: 'vsan1', type: 'vsan' },
    { name: 'iso', type: 'NFS' },
  ],
  hosts: [{ name: 'esx1.lab' }, { name: 'esx2.lab' }],
  vms: [
    {
      name: 'web01',
      datastore: 'vmfs1',
      iso: '[iso] debian.iso',
      disks: [
        { sizeBytes: mebibyte, datastore: 'vsan1' },
        { sizeBytes: mebibyte, datastore: 'iso', mode: 'independent_persistent' },
      ],
    },
    { name: 'web02', host: 'esx2.lab', datastore: 'vmfs1', disks: [{ sizeBytes: mebibyte }] },
  ],
  nfc: { hostUrls: true },
})
const session = await vcenter.connect()
const web01 = await serverNamed(session, 'web01')
const web02 = await serverNamed(session, 'web02')

t.test("a server's datastores are those that a snapshot grows in, with type and space", async t => {
  const datastores = await datastoresOf(session, { serverMoref: web01.moref })
  t.same(datastores.map(datastore => datastore.name).sort(), ['vmfs1', 'vsan1'], 'its home and its disk, not its ISO')
  t.match(
    datastores.find(datastore => datastore.name === 'vmfs1'),
    { type: 'VMFS', ...sized, accessible: true },
  )
  t.equal(datastores.find(datastore => datastore.name === 'vsan1')?.type, 'vsan')
  t.same((await datastoresOf(session, { serverMoref: web02.moref })).length, 1)
  await t.rejects(datastoresOf(session, { serverMoref: 'vm-gone' }), { code: 'SERVER_GONE' })
})

t.test('hosts tell the certificate that they serve themselves', async t => {
  const hosts = await Promise.all([web01, web02].map(server => retrieveHost(session, server.hostMoref)))
  t.same(
    hosts.map(host => host.name),
    ['esx1.lab', 'esx2.lab'],
  )
  const thumbprints = hosts.map(host => summarizeCertificate(host.certificatePem ?? '').thumbprintSha256)
  const served = vcenter.lab.vcenter.hosts.map(host => host.thumbprintSha256)
  t.same(new Set(thumbprints), new Set(served))
  const all = await retrieveHosts(session)
  t.same(
    all.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    hosts,
    'the whole inventory, in pages',
  )
})
