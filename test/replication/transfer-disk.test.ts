// One disk on its way to S3, when S3 is the side that goes wrong.
import t from 'tap'
import { manifestName, objectKey } from '../../appliance/replication/transfer-disk.ts'
import { findLeftovers, proveRun } from '../demo/verify.ts'
import { startSite } from '../site.ts'

const mib = 1024 * 1024
const site = await startSite({
  vms: ['busy', 'broken', 'dropped', 'reset'].map((name, index) => ({
    name,
    disks: [{ sizeBytes: 20 * mib, kind: 'noise' as const, fill: 1, seed: index + 1 }],
  })),
})
t.teardown(() => site.stop())
await site.setUp()
const fault = (body: Record<string, unknown>) => site.lab.awsControl<{ id: string }>('POST', '/faults', body)
const s3 = { service: 's3', operation: 'UploadPart' }

t.test('objects and manifests are named by run and disk', async t => {
  t.equal(objectKey('run-1', 2000), 'runs/run-1/disk-2000.vmdk')
  t.equal(manifestName('job-1', 'run-1', 2000), 'job-1/run-1/disk-2000.manifest')
})

t.test('a part that S3 is too busy for is sent again, and the run says so', async t => {
  await fault({
    ...s3,
    kind: 'error',
    code: 'SlowDown',
    message: 'Please reduce your request rate.',
    statusCode: 503,
    times: 3,
  })
  const run = await site.replicate('busy')
  t.equal(run.state, 'succeeded', run.failure?.message ?? '')
  t.ok(Object.values(run.retries).reduce((sum, count) => sum + count, 0) >= 3, JSON.stringify(run.retries))
  const proof = await proveRun(site.lab, run, 'registered')
  t.ok(proof.disks[0]?.equal)
})

t.test('a connection that is reset in the middle of a part does no harm', async t => {
  await fault({ ...s3, kind: 'reset', afterBytes: 1_000_000, times: 2 })
  const run = await site.replicate('reset')
  t.equal(run.state, 'succeeded', run.failure?.message ?? '')
  const proof = await proveRun(site.lab, run, 'registered')
  t.ok(proof.disks[0]?.equal)
})

t.test('a refusal is not sent again: the run fails, the upload is aborted', async t => {
  const { id } = await fault({
    ...s3,
    kind: 'error',
    code: 'AccessDenied',
    message: 'Access Denied',
    statusCode: 403,
    times: -1,
  })
  const run = await site.replicate('broken')
  await site.lab.awsControl('DELETE', `/faults/${id}`)
  t.match(run, {
    state: 'failed',
    failure: { code: 'AWS_PERMISSION_MISSING', stage: 'uploading', message: /s3:PutObject/ },
  })
  t.same(await findLeftovers(site.lab), [])
})

t.test('credentials that expire in the middle end the run by name', async t => {
  const { id } = await fault({ ...s3, kind: 'expiredToken', times: -1 })
  const run = await site.replicate('dropped')
  await site.lab.awsControl('DELETE', `/faults/${id}`)
  t.match(run, { state: 'failed', failure: { code: 'AWS_CREDENTIALS_EXPIRED', stage: 'uploading', hint: /./ } })
  t.same(await findLeftovers(site.lab), [])
})
