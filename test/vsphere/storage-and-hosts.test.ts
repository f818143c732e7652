// Hosts with their certificates, datastores with their space.

import t from 'tap'
import { summarizeCertificate } from '../../appliance/vsphere/certificate.ts'
import { retrieveDatastores, retrieveHost, retrieveHosts } from '../../appliance/vsphere/storage-and-hosts.ts'
import { startVcenterLab } from './lab-session.ts'

const vcenter = await startVcenterLab(t, {
  datastores: [
    { name: 'vmfs1', type: 'VMFS', capacityBytes: 10_000_000_000, freeBytes: 4_000_000_000 },
    { name: 'vsan1', type: 'vsan' },
  ],
  hosts: [{ name: 'esx1.lab' }, { name: 'esx2.lab' }],
  nfc: { hostUrls: true },
})
const session = await vcenter.connect()

t.test('datastores tell their type and space', async t => {
  const datastores = await retrieveDatastores(session)
  const vmfs1 = datastores.find(datastore => datastore.name === 'vmfs1')
  t.match(vmfs1, { type: 'VMFS', capacityBytes: 10_000_000_000, freeBytes: 4_000_000_000, accessible: true })
  t.equal(datastores.find(datastore => datastore.name === 'vsan1')?.type, 'vsan')
})

t.test('hosts tell the certificate that they serve themselves', async t => {
  const hosts = await retrieveHosts(session)
  t.same(hosts.map(host => host.name).sort(), ['esx1.lab', 'esx2.lab'])
  const thumbprints = hosts.map(host => summarizeCertificate(host.certificatePem ?? '').thumbprintSha256)
  const { hosts: served } = vcenter.lab.vcenter as unknown as { hosts: { thumbprintSha256: string }[] }
  t.same(new Set(thumbprints), new Set(served.map(host => host.thumbprintSha256)))
  for (const host of hosts) t.same(await retrieveHost(session, host.moref), host)
})
