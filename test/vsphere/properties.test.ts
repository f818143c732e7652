// Reading properties: one object, several, whole kinds in pages.

import t from 'tap'
import { readInventory, readObject, readObjects, readRelated, textOf } from '../../appliance/vsphere/properties.ts'
import { reference } from '../../appliance/vsphere/vim.ts'
import { startVcenterLab } from './lab-session.ts'

const vcenter = await startVcenterLab(t, { generatedVms: 25, hosts: [{ name: 'esx1.lab' }, { name: 'esx2.lab' }] })
const session = await vcenter.connect()

t.test('properties that are not set are absent, and an object that is not there is told by vCenter', async t => {
  const root = await readObject(session, session.content.rootFolder, ['name', 'parent'])
  t.equal(textOf(root, 'name'), 'Datacenters')
  t.equal(textOf(root, 'parent'), undefined)
  t.same(await readObjects(session, [], ['name']), [])
  await t.rejects(readObject(session, reference('Folder', 'group-x0'), ['name']), { code: 'SERVER_GONE' })
})

t.test('kinds of objects are read together, each with its own properties', async t => {
  const wanted = { HostSystem: ['name'], Datastore: ['summary.type'] }
  const found = []
  for await (const page of readInventory(session, wanted, { pageSize: 2 })) found.push(...page)
  t.same(
    found
      .filter(object => object.type === 'HostSystem')
      .map(host => textOf(host, 'name'))
      .sort(),
    ['esx1.lab', 'esx2.lab'],
  )
  t.same(
    found.filter(object => object.type === 'Datastore').map(datastore => textOf(datastore, 'summary.type')),
    ['VMFS'],
  )
})

t.test('an object and those that it refers to are read in one answer', async t => {
  const [vm] = await Array.fromAsync(readInventory(session, { VirtualMachine: ['name'] }, { pageSize: 1 }))
  const server = reference('VirtualMachine', vm?.[0]?.moref ?? '')
  const wanted = { relation: 'datastore', type: 'Datastore', relatedPaths: ['summary.name'] }
  await vcenter.receivedMethods()
  const both = await readRelated(session, server, { ...wanted, paths: ['name'] })
  t.same(await vcenter.receivedMethods(), ['RetrievePropertiesEx'])
  t.equal(both.object && textOf(both.object, 'name'), vm?.[0] && textOf(vm[0], 'name'))
  t.same(
    both.related.map(datastore => textOf(datastore, 'summary.name')),
    ['vmfs1'],
  )
  t.same(await readRelated(session, server, wanted), { object: undefined, related: both.related })
  await t.rejects(readRelated(session, reference('VirtualMachine', 'vm-gone'), wanted), { code: 'SERVER_GONE' })
})

t.test('a session that is lost again and again ends the retrieval instead of starting it for ever', async t => {
  await vcenter.fault({ kind: 'sessionEnd', method: 'ContinueRetrievePropertiesEx', times: -1 })
  const reading = (async () => {
    let objects = 0
    for await (const page of readInventory(session, { VirtualMachine: ['name'] }, { pageSize: 1 }))
      objects += page.length
    return objects
  })()
  await t.rejects(reading, { code: 'VCENTER_SESSION_LOST' })
  await vcenter.clearFaults()
})
