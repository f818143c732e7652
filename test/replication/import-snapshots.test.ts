// Converting, when AWS refuses: its own words, a hint, and neither object nor snapshot left.
import { DescribeSnapshotsCommand, EC2Client } from '@aws-sdk/client-ec2'
import t from 'tap'
import { findLeftovers } from '../demo/verify.ts'
import { startSite } from '../site.ts'
import { quickAws } from './endings.ts'

const mib = 1024 * 1024
const disks = (seed: number) => [
  { sizeBytes: 8 * mib, kind: 'data' as const, fill: 0.5, seed },
  { sizeBytes: 8 * mib, kind: 'data' as const, fill: 0.5, seed: seed + 1 },
]
const site = await startSite({
  aws: quickAws,
  vms: ['refused', 'roleless', 'cancelled', 'encrypted'].map((name, index) => ({ name, disks: disks(10 * index + 1) })),
})
t.teardown(() => site.stop())
await site.setUp()
const ec2 = new EC2Client({
  endpoint: site.lab.aws.endpoint,
  region: site.lab.aws.region,
  credentials: site.lab.aws.admin,
})
t.teardown(() => ec2.destroy())
const snapshots = async () => (await ec2.send(new DescribeSnapshotsCommand({ OwnerIds: ['self'] }))).Snapshots ?? []

t.test("a refused import fails the run with AWS's text and a hint", async t => {
  const text = 'ClientError: Disk validation failed [We do not have access to the given resource. Reason 403 Forbidden]'
  await site.lab.awsControl('POST', '/imports', { next: { fail: text } })
  const run = await site.replicate('refused')
  t.match(run, {
    state: 'failed',
    failure: { code: 'IMPORT_REFUSED', stage: 'converting', message: /Disk validation failed/ },
  })
  t.match(run.failure?.hint, /role/i)
  t.same(await findLeftovers(site.lab), [])
  t.same(await snapshots(), [], 'the other disk is taken back too')
})

t.test('a missing role is named, with what to do', async t => {
  await site.lab.awsControl('DELETE', '/roles/vmimport')
  const run = await site.replicate('roleless')
  await site.lab.awsControl('POST', '/roles/vmimport', {})
  t.match(run, { state: 'failed', failure: { code: 'IMPORT_ROLE_MISSING', stage: 'converting', hint: /polic/ } })
  t.same(await findLeftovers(site.lab), [])
  t.same(await snapshots(), [])
})

t.test('a run cancelled while AWS imports leaves neither task, object nor snapshot', async t => {
  await site.lab.awsControl('POST', '/tasks', { stepMs: 3000 })
  const begun = await site.begin('cancelled')
  await site.until(begun.id, run => run.disks.length > 0 && run.disks.every(disk => disk.importTaskId !== undefined))
  const { body } = await site.call('POST', `/api/runs/${begun.id}/cancel`)
  await site.lab.awsControl('POST', '/tasks', { stepMs: 100 })
  t.match(body, { state: 'cancelled', failure: { stage: 'converting' } })
  t.same(await findLeftovers(site.lab), [])
  t.same(await snapshots(), [])
})

t.test('an encrypted job makes encrypted snapshots', async t => {
  const run = await site.replicate('encrypted', { encrypted: true })
  t.equal(run.state, 'succeeded', run.failure?.message ?? '')
  const made = await snapshots()
  t.equal(made.length, 2)
  for (const snapshot of made) t.equal(snapshot.Encrypted, true)
})
