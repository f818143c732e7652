// What the connector left in vCenter is found in the whole inventory, and nothing of anybody else's.

import t from 'tap'
import { findMarkedSnapshots } from '../../appliance/vsphere/marked-snapshots.ts'
import { snapshotMark } from '../../appliance/vsphere/snapshot-mark.ts'
import { createVmSnapshot, removeVmSnapshot } from '../../appliance/vsphere/vm-snapshot.ts'
import { mebibyte, serverNamed, startVcenterLab } from './lab-session.ts'

const generatedVms = 10_000
const vcenter = await startVcenterLab(t, {
  generatedVms,
  vms: [
    { name: 'web/01', snapshots: ['before-upgrade'], disks: [{ sizeBytes: mebibyte }] },
    { name: 'db01', snapshots: ['hoist-not-ours'], disks: [{ sizeBytes: mebibyte }] },
  ],
})
const session = await vcenter.connect()
const web = await serverNamed(session, 'web/01')
const db = await serverNamed(session, 'db01')
const signal = AbortSignal.timeout(240_000)
const ours = { connectorId: 'c0ffee123456', jobId: 'job-1', runId: 'run-1' }

const take = (serverMoref: string, mark: { name: string; description: string }) =>
  createVmSnapshot(session, { serverMoref, ...mark, quiesce: false, signal })

t.test('those with our mark are found among thousands of servers, wherever in a tree they stand', async t => {
  const first = await take(web.moref, snapshotMark(ours))
  await take(web.moref, { name: 'on top of it', description: 'somebody else' })
  const second = await take(db.moref, snapshotMark({ ...ours, runId: 'run-2' }))
  await vcenter.receivedMethods()
  const startedAtMs = performance.now()
  const found = await findMarkedSnapshots(session, { connectorId: ours.connectorId, signal })
  t.comment(`${generatedVms} servers: ${Math.round(performance.now() - startedAtMs)} ms`)
  t.same(
    found.map(one => [one.serverMoref, one.serverName, one.snapshotMoref, one.name, one.jobId, one.runId]),
    [
      [web.moref, 'web/01', first.moref, 'hoist-run-1', 'job-1', 'run-1'],
      [db.moref, 'db01', second.moref, 'hoist-run-2', 'job-1', 'run-2'],
    ],
    'the oldest first',
  )
  for (const one of found) {
    t.ok(one.ageMs >= 0 && one.ageMs < 240_000)
    t.ok(Date.parse(one.createdAt) > 0)
  }
  const methods = await vcenter.receivedMethods()
  t.equal(methods.filter(method => method.endsWith('RetrievePropertiesEx')).length, Math.ceil((generatedVms + 2) / 500))
})

t.test("another connector's, a renamed one and one with a note are left alone", async t => {
  const { description } = snapshotMark({ ...ours, runId: 'run-3' })
  await take(web.moref, snapshotMark({ ...ours, connectorId: 'c0ffee1234567', runId: 'run-4' }))
  await take(web.moref, { name: 'keep me', description })
  await take(web.moref, { name: 'hoist-run-3', description: `${description}; keep until Monday` })
  await take(web.moref, { name: 'hoist-run-3', description: '' })
  const found = await findMarkedSnapshots(session, { connectorId: ours.connectorId, signal })
  t.same(found.map(one => one.runId).sort(), ['run-1', 'run-2'])
  t.same(await findMarkedSnapshots(session, { connectorId: 'nobody', signal }), [])
  for (const { snapshotMoref, serverMoref } of found) await removeVmSnapshot(session, { snapshotMoref, serverMoref })
  t.same(await findMarkedSnapshots(session, { connectorId: ours.connectorId, signal }), [])
})

t.test('a session that ends between two pages loses nothing', async t => {
  await take(db.moref, snapshotMark(ours))
  await vcenter.fault({ kind: 'sessionEnd', method: 'ContinueRetrievePropertiesEx' })
  const found = await findMarkedSnapshots(session, { connectorId: ours.connectorId, signal })
  t.match(found, [{ serverMoref: db.moref, runId: 'run-1' }])
})
