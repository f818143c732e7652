// The guard on production: before a snapshot and while it is open, its datastores keep the floor free.

import { once } from 'node:events'
import t from 'tap'
import { ApplianceError } from '../../appliance/errors.ts'
import {
  assertDatastoresRoomy,
  findLowDatastore,
  lowDatastore,
  watchDatastores,
} from '../../appliance/vsphere/datastore-watch.ts'
import { createVmSnapshot, removeVmSnapshot } from '../../appliance/vsphere/vm-snapshot.ts'
import { mebibyte, serverNamed, startVcenterLab } from './lab-session.ts'

const gibibyte = 2 ** 30
const capacityBytes = 1000 * gibibyte
const freeBytes = 500 * gibibyte
const vcenter = await startVcenterLab(t, {
  datastores: [
    { name: 'vmfs1', type: 'VMFS', capacityBytes, freeBytes },
    { name: 'vmfs2', type: 'VMFS', capacityBytes, freeBytes },
    { name: 'iso', type: 'NFS', capacityBytes, freeBytes: 0 },
    { name: 'other', type: 'VMFS', capacityBytes, freeBytes: 0 },
  ],
  vms: [
    {
      name: 'web01',
      datastore: 'vmfs1',
      iso: '[iso] debian.iso',
      disks: [
        { sizeBytes: mebibyte },
        { sizeBytes: mebibyte, datastore: 'vmfs2' },
        { sizeBytes: mebibyte, datastore: 'other', mode: 'independent_persistent' },
      ],
    },
  ],
})
const session = await vcenter.connect()
const { moref: serverMoref } = await serverNamed(session, 'web01')
const floor = { percent: 10, bytes: 20 * gibibyte }
const guard = { serverMoref, serverName: 'web01', floor, signal: AbortSignal.timeout(60_000) }
const setFree = (name: string, bytes: number) =>
  vcenter.lab.vcenterControl('POST', `/datastores/${name}/free`, { freeBytes: bytes })

t.test('the floor is the larger of a share and a size, and what cannot be reached has no figures', async t => {
  const datastore = (capacity: number, free: number, accessible = true) => [
    { moref: 'd', name: 'd', type: 'VMFS', capacityBytes: capacity, freeBytes: free, accessible },
  ]
  t.equal(lowDatastore(datastore(1000 * gibibyte, 100 * gibibyte), floor), undefined)
  t.match(lowDatastore(datastore(1000 * gibibyte, 100 * gibibyte - 1), floor), { neededBytes: 100 * gibibyte })
  t.match(lowDatastore(datastore(50 * gibibyte, 20 * gibibyte - 1), floor), { neededBytes: 20 * gibibyte })
  t.equal(lowDatastore(datastore(50 * gibibyte, 20 * gibibyte), floor), undefined)
  t.equal(lowDatastore(datastore(1000 * gibibyte, 0, false), floor), undefined)
  t.equal(lowDatastore(datastore(0, 0), floor), undefined)
  t.equal(lowDatastore([], floor), undefined)
})

t.test('every datastore of the disks counts with its figures of this moment', async t => {
  t.equal(await findLowDatastore(session, guard), undefined)
  await assertDatastoresRoomy(session, guard)
  await setFree('vmfs2', 99 * gibibyte)
  t.same(await findLowDatastore(session, guard), {
    name: 'vmfs2',
    freeBytes: 99 * gibibyte,
    capacityBytes,
    neededBytes: 100 * gibibyte,
  })
  await t.rejects(assertDatastoresRoomy(session, guard), {
    code: 'DATASTORE_LOW',
    message: /vmfs2 of web01 has 99\.0 GiB free of 1000\.0 GiB.*100\.0 GiB/,
    hint: /\S/,
  })
  await setFree('vmfs2', freeBytes)
  t.equal(await findLowDatastore(session, guard), undefined)
})

t.test('a datastore whose host cannot tell now is judged by what vCenter knew', async t => {
  await vcenter.fault({ kind: 'soap', method: 'RefreshDatastore', fault: 'HostConfigFault', times: 2 })
  t.equal(await findLowDatastore(session, guard), undefined)
  t.notOk((await vcenter.lab.vcenterControl<unknown[]>('GET', '/faults')).length)
})

t.test('a watch tells of a datastore that fills up under an open snapshot', async t => {
  const request = { serverMoref, name: 'hoist-run-1', description: '', quiesce: false, signal: guard.signal }
  const snapshot = await createVmSnapshot(session, request)
  const watch = watchDatastores(async () => session, { ...guard, everyMs: 20 })
  t.equal(watch.low.aborted, false)
  await setFree('vmfs1', 5 * gibibyte)
  await once(watch.low, 'abort')
  t.match(watch.low.reason, { code: 'DATASTORE_LOW', message: /vmfs1 of web01 has 5\.0 GiB/ })
  t.type(watch.low.reason, ApplianceError)
  watch.stop()
  await setFree('vmfs1', freeBytes)
  await removeVmSnapshot(session, { snapshotMoref: snapshot.moref, serverMoref })
})

t.test('it goes on when vCenter fails, and says so', async t => {
  const failures: number[] = []
  const { promise: third, resolve } = Promise.withResolvers<void>()
  await vcenter.fault({ kind: 'soap', method: 'RetrievePropertiesEx', fault: 'RuntimeFault', times: 3 })
  const watch = watchDatastores(async () => session, {
    ...guard,
    everyMs: 5,
    onTrouble: (error, inARow) => {
      t.match(error, { code: 'VCENTER_FAULT' })
      if (failures.push(inARow) === 3) resolve()
    },
  })
  await third
  t.same(failures, [1, 2, 3])
  await setFree('vmfs1', 0)
  await once(watch.low, 'abort')
  await setFree('vmfs1', freeBytes)
})

t.test('after stop, or with its signal, it looks no more', async t => {
  const looks = async () => (await vcenter.receivedMethods()).filter(method => method === 'RefreshDatastore').length
  for (const end of ['stop', 'signal']) {
    const signal = new AbortController()
    const watch = watchDatastores(async () => session, { ...guard, signal: signal.signal, everyMs: 5 })
    while ((await looks()) === 0) await new Promise(setImmediate)
    if (end === 'stop') watch.stop()
    else signal.abort()
    await session.call('CurrentTime', { _this: { referenceTo: 'ServiceInstance', moref: 'ServiceInstance' } })
    await looks()
    // Twenty beats of the watch that has ended.
    await new Promise(resolve => setTimeout(resolve, 100))
    t.equal(await looks(), 0, end)
    t.equal(watch.low.aborted, false)
  }
})
