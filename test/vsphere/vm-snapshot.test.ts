// VM snapshots: made, read, removed, and what happens when any of it fails.

import t, { type Test } from 'tap'
import { retrieveServer } from '../../appliance/vsphere/inventory.ts'
import {
  createVmSnapshot,
  findVmSnapshots,
  readSnapshotDisks,
  removeVmSnapshot,
} from '../../appliance/vsphere/vm-snapshot.ts'
import { mebibyte, serverNamed, startVcenterLab } from './lab-session.ts'

const vcenter = await startVcenterLab(t, {
  vms: [
    {
      name: 'web01',
      powerState: 'poweredOn',
      snapshots: ['before-upgrade'],
      changeTracking: true,
      disks: [{ sizeBytes: 4 * mebibyte }, { sizeBytes: 2 * mebibyte }],
    },
    { name: 'short-lived', disks: [{ sizeBytes: mebibyte }] },
  ],
})
const session = await vcenter.connect()
const web01 = await serverNamed(session, 'web01')
const request = {
  serverMoref: web01.moref,
  serverName: 'web01',
  name: 'hoist run 1',
  description: 'made by a test <&>',
  quiesce: false,
  signal: AbortSignal.timeout(120_000),
}
const names = async () => (await findVmSnapshots(session, { serverMoref: web01.moref })).map(snapshot => snapshot.name)

/** A test that ends with a look at what it left. */
function test(title: string, body: (t: Test) => Promise<void>): void {
  t.test(title, async t => {
    await body(t)
    await vcenter.clearFaults()
    t.same(await names(), ['before-upgrade'], 'nothing of ours is left, and what was there before still is')
  })
}

test('a snapshot tells the disks as it froze them, and is removed without touching others', async t => {
  const told: string[] = []
  const snapshot = await createVmSnapshot(session, { ...request, onCreated: moref => void told.push(moref) })
  t.same(told, [snapshot.moref])
  t.match(snapshot.disks, [{ sizeBytes: 4 * mebibyte }, { sizeBytes: 2 * mebibyte }])
  t.match(snapshot.disks[0]?.changeId, /^[0-9a-f -]+\/\d+$/)
  t.not(snapshot.disks[0]?.fileName, (await retrieveServer(session, web01.moref)).disks[0]?.fileName)
  t.same(await readSnapshotDisks(session, snapshot.moref), snapshot.disks)
  t.same(await names(), ['before-upgrade', 'hoist run 1'])
  t.match(await findVmSnapshots(session, { serverMoref: web01.moref, name: 'hoist run 1' }), [
    { moref: snapshot.moref },
  ])
  await removeVmSnapshot(session, { snapshotMoref: snapshot.moref, serverMoref: web01.moref })
  await removeVmSnapshot(session, { snapshotMoref: snapshot.moref, serverMoref: web01.moref })
})

test('a full datastore, a guest that does not freeze, and a task in progress are told by name', async t => {
  await vcenter.fault({ kind: 'datastoreFull', datastore: 'vmfs1', times: -1 })
  await t.rejects(createVmSnapshot(session, request), { code: 'DATASTORE_FULL', message: /web01.*vmfs1/s })
  await vcenter.clearFaults()
  await vcenter.fault({ kind: 'quiesceFail' })
  await t.rejects(createVmSnapshot(session, { ...request, quiesce: true }), { code: 'QUIESCE_FAILED', hint: /\S/ })
  await vcenter.fault({ kind: 'task', method: 'CreateSnapshot_Task', fault: 'TaskInProgress' })
  await t.rejects(createVmSnapshot(session, request), { code: 'SERVER_BUSY' })
  await vcenter.fault({ kind: 'soap', method: 'CreateSnapshot_Task', fault: 'NoPermission' })
  await t.rejects(createVmSnapshot(session, request), { code: 'VCENTER_PERMISSION_MISSING' })
})

test('after an abort the snapshot that vCenter was still making is removed', async t => {
  const reason = new Error('the user cancelled')
  const abort = new AbortController()
  const onCreated = () => abort.abort(reason)
  await t.rejects(createVmSnapshot(session, { ...request, signal: abort.signal, onCreated }), reason)
  await t.rejects(createVmSnapshot(session, { ...request, signal: AbortSignal.abort(reason) }), reason)
})

test('a snapshot whose disks cannot be read is removed again', async t => {
  const onCreated = async () => {
    await vcenter.fault({ kind: 'soap', method: 'RetrievePropertiesEx', fault: 'RuntimeFault' })
  }
  await t.rejects(createVmSnapshot(session, { ...request, onCreated }), { code: 'VCENTER_FAULT' })
})

test('a session that ends while the task runs does not lose the snapshot', async t => {
  const generation = session.generation
  await vcenter.fault({ kind: 'sessionEnd', method: 'RetrievePropertiesEx' })
  const snapshot = await createVmSnapshot(session, request)
  await vcenter.fault({ kind: 'sessionEnd', method: 'RemoveSnapshot_Task' })
  await removeVmSnapshot(session, { snapshotMoref: snapshot.moref, serverMoref: web01.moref })
  t.equal(session.generation, generation + 2)
})

test('disks that still need consolidation after the removal are consolidated, and a failure of that is an error', async t => {
  const removal = async () => {
    const snapshot = await createVmSnapshot(session, request)
    await vcenter.lab.vcenterControl('POST', '/vms/web01/consolidation', { needed: true })
    await removeVmSnapshot(session, { snapshotMoref: snapshot.moref, serverMoref: web01.moref, serverName: 'web01' })
  }
  await vcenter.receivedMethods()
  await removal()
  t.ok((await vcenter.receivedMethods()).includes('ConsolidateVMDisks_Task'))
  await vcenter.fault({ kind: 'task', method: 'ConsolidateVMDisks_Task', fault: 'FileLocked' })
  await t.rejects(removal(), { code: 'SNAPSHOT_FAILED', message: /web01.*FileLocked/s, hint: /[Cc]onsolidate/ })
  await vcenter.lab.vcenterControl('POST', '/vms/web01/consolidation', { needed: false })
})

test('a server that is gone has no snapshots: to make one fails by name, to remove one is fine', async t => {
  const { moref } = await serverNamed(session, 'short-lived')
  await vcenter.lab.vcenterControl('DELETE', '/vms/short-lived')
  await t.rejects(createVmSnapshot(session, { ...request, serverMoref: moref, serverName: 'short-lived' }), {
    code: 'SERVER_GONE',
  })
  t.same(await findVmSnapshots(session, { serverMoref: moref }), [])
  await removeVmSnapshot(session, { snapshotMoref: 'snapshot-0', serverMoref: moref })
})
