// What a run finds in vCenter goes before what the catalog remembers.
import t from 'tap'
import { proveRun } from '../demo/verify.ts'
import { startSite } from '../site.ts'

const mib = 1024 * 1024
const site = await startSite({
  vms: [{ name: 'grown', powerState: 'poweredOff', disks: [{ sizeBytes: 8 * mib, kind: 'data', fill: 0.5, seed: 5 }] }],
})
t.teardown(() => site.stop())
await site.setUp()

t.test('a disk that grew since the import is replicated at its new size', async t => {
  const before = await site.server('grown')
  const key = before.disks[0]?.key ?? 0
  await site.lab.vcenterControl('POST', '/vms/grown/resize', { key, sizeBytes: 12 * mib })
  await site.lab.vcenterControl('POST', `/vms/grown/disks/${key}/write`, { offset: 11 * mib, seed: 9, length: 65536 })
  const run = await site.replicate('grown')
  t.equal(run.state, 'succeeded', run.failure?.message ?? '')
  t.equal(before.disks[0]?.sizeBytes, 8 * mib)
  t.equal(run.disks[0]?.sizeBytes, 12 * mib)
  const proof = await proveRun(site.lab, run, 'registered')
  t.ok(proof.disks[0]?.equal)
})
