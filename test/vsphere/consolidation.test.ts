// Disks that need consolidation are found, consolidated, and looked at again.

import t from 'tap'
import { consolidateDisks, findConsolidationNeeded } from '../../appliance/vsphere/consolidation.ts'
import { mebibyte, serverNamed, startVcenterLab } from './lab-session.ts'

const vcenter = await startVcenterLab(t, {
  vms: [
    { name: 'web/01', disks: [{ sizeBytes: mebibyte }] },
    { name: 'db01', disks: [{ sizeBytes: mebibyte }] },
  ],
})
const session = await vcenter.connect()
const web = await serverNamed(session, 'web/01')
const db = await serverNamed(session, 'db01')
const signal = AbortSignal.timeout(60_000)
const need = (order: { needed: boolean; stays?: boolean }) =>
  vcenter.lab.vcenterControl('POST', `/vms/${web.moref}/consolidation`, order)
const consolidations = async () =>
  (await vcenter.receivedMethods()).filter(method => method === 'ConsolidateVMDisks_Task').length

t.test('of the servers that are asked for, those that need it are told', async t => {
  t.same(await findConsolidationNeeded(session, { serverMorefs: [], signal }), [])
  await need({ needed: true })
  const both = { serverMorefs: [web.moref, db.moref, 'vm-gone'], signal }
  t.same(await findConsolidationNeeded(session, both), [{ serverMoref: web.moref, serverName: 'web/01' }])
  t.same(await findConsolidationNeeded(session, { serverMorefs: [db.moref], signal }), [])
  await consolidateDisks(session, { serverMoref: web.moref, signal })
  t.same(await findConsolidationNeeded(session, both), [])
})

t.test('only disks that need it are consolidated, and a server that is gone is fine', async t => {
  await consolidations()
  await consolidateDisks(session, { serverMoref: web.moref })
  await consolidateDisks(session, { serverMoref: 'vm-gone' })
  t.equal(await consolidations(), 0)
  await need({ needed: true })
  await consolidateDisks(session, { serverMoref: web.moref })
  t.equal(await consolidations(), 1)
})

t.test('a failure, or disks that need it still afterwards, is an error that says what to do', async t => {
  const again = () => consolidateDisks(session, { serverMoref: web.moref, serverName: 'web01', signal })
  const failed = { code: 'SNAPSHOT_FAILED', message: /web01/, hint: /[Cc]onsolidate/ }
  await need({ needed: true, stays: true })
  await t.rejects(again(), failed)
  await vcenter.fault({ kind: 'task', method: 'ConsolidateVMDisks_Task', fault: 'FileLocked' })
  await t.rejects(again(), { ...failed, message: /web01.*FileLocked/s })
  await vcenter.fault({ kind: 'task', method: 'ConsolidateVMDisks_Task', fault: 'TaskInProgress' })
  await t.rejects(again(), { code: 'SERVER_BUSY' })
  await need({ needed: true })
  await again()
})
