// After a restart the run's snapshot is found again: the one that stands, or the one that vCenter is still making.

import t from 'tap'
import type { VcenterSession } from '../../appliance/vsphere/session.ts'
import { adoptVmSnapshot, snapshotTaskRunning } from '../../appliance/vsphere/snapshot-adoption.ts'
import { createVmSnapshot, findVmSnapshots, removeVmSnapshot } from '../../appliance/vsphere/vm-snapshot.ts'
import { mebibyte, serverNamed, startVcenterLab } from './lab-session.ts'

const vcenter = await startVcenterLab(t, {
  vms: [
    { name: 'web01', changeTracking: true, disks: [{ sizeBytes: 4 * mebibyte }, { sizeBytes: 2 * mebibyte }] },
    { name: 'short-lived', disks: [{ sizeBytes: mebibyte }] },
  ],
})
const session = await vcenter.connect()
const { moref: serverMoref } = await serverNamed(session, 'web01')
const signal = AbortSignal.timeout(60_000)
const wanted = { serverMoref, name: 'hoist-run-1', signal }
const take = (name = wanted.name) =>
  createVmSnapshot(session, { serverMoref, name, description: '', quiesce: false, signal })
const remove = (...morefs: string[]) =>
  Promise.all(morefs.map(snapshotMoref => removeVmSnapshot(session, { snapshotMoref, serverMoref })))

t.test('the snapshot of that exact name is adopted with the disks as it froze them', async t => {
  t.equal(await adoptVmSnapshot(session, wanted), undefined)
  const other = await take('hoist-run-10')
  t.equal(await adoptVmSnapshot(session, wanted), undefined)
  const snapshot = await take()
  t.same(await adoptVmSnapshot(session, wanted), snapshot)
  await remove(snapshot.moref, other.moref)
})

t.test('of several the newest is adopted, or the one that was read from while it stands', async t => {
  const older = await take()
  const newer = await take()
  t.same(await adoptVmSnapshot(session, wanted), newer)
  t.same(await adoptVmSnapshot(session, { ...wanted, moref: older.moref }), older)
  await remove(older.moref)
  t.same(await adoptVmSnapshot(session, { ...wanted, moref: older.moref }), newer)
  await remove(newer.moref)
})

t.test('one that is removed while it is looked at is not adopted', async t => {
  const older = await take()
  const newer = await take()
  let calls = 0
  // The third request reads the disks of the snapshot that the second has listed.
  const call: VcenterSession['call'] = async (method, args, options) => {
    calls += 1
    if (calls === 3) await remove(newer.moref)
    return await session.call(method, args, options)
  }
  const slow: VcenterSession = Object.create(session, { call: { value: call } })
  t.same(await adoptVmSnapshot(slow, wanted), older)
  await remove(older.moref)
})

t.test('a snapshot that vCenter is still making, or has only queued, is waited for', async t => {
  for (const state of ['running', 'queued']) {
    const held = await vcenter.fault({ kind: 'taskHold', method: 'CreateSnapshot_Task', state })
    const creating = take()
    while (!(await snapshotTaskRunning(session, { serverMoref, signal }))) await new Promise(setImmediate)
    const looks = new AbortController()
    const impatient = adoptVmSnapshot(session, { ...wanted, signal: looks.signal })
    const reason = new Error('enough')
    looks.abort(reason)
    await t.rejects(impatient, reason, 'the wait ends with its signal')
    const adopting = adoptVmSnapshot(session, wanted)
    await vcenter.lab.vcenterControl('DELETE', `/faults/${held}`)
    const created = await creating
    t.same(await adopting, created)
    t.equal(await snapshotTaskRunning(session, { serverMoref, signal }), false)
    await remove(created.moref)
  }
})

t.test('a task that ended, a removal, or a server that is gone, is no snapshot under way', async t => {
  await vcenter.fault({ kind: 'task', method: 'CreateSnapshot_Task', fault: 'SnapshotFault' })
  await t.rejects(take(), { code: 'SNAPSHOT_FAILED' })
  t.equal(await adoptVmSnapshot(session, wanted), undefined)
  const { moref } = await take()
  const held = await vcenter.fault({ kind: 'taskHold', method: 'RemoveSnapshot_Task' })
  const removing = remove(moref)
  while (!(await vcenter.receivedMethods()).includes('RemoveSnapshot_Task')) await new Promise(setImmediate)
  t.equal(await snapshotTaskRunning(session, { serverMoref, signal }), false)
  await vcenter.lab.vcenterControl('DELETE', `/faults/${held}`)
  await removing
  t.same(await findVmSnapshots(session, { serverMoref }), [])
  const gone = await serverNamed(session, 'short-lived')
  await vcenter.lab.vcenterControl('DELETE', '/vms/short-lived')
  t.equal(await adoptVmSnapshot(session, { ...wanted, serverMoref: gone.moref }), undefined)
})
