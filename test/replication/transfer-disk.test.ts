// One disk on its way to S3, when S3 is the side that goes wrong.
import t from 'tap'
import { manifestName, objectKey } from '../../appliance/replication/transfer-disk.ts'
import { startSite } from '../site.ts'
import { hasEnded, isUploading, isWhole, leftBehind, quickAws } from './endings.ts'

const mib = 1024 * 1024
const site = await startSite(
  {
    aws: quickAws,
    vms: ['busy', 'failing', 'reset', 'renewed', 'expired', 'broken', 'limited'].map((name, index) => ({
      name,
      disks: [{ sizeBytes: 20 * mib, kind: 'noise' as const, fill: 1, seed: index + 1 }],
    })),
  },
  { resumeMs: 10 },
)
t.teardown(() => site.stop())
await site.setUp()
const fault = (body: Record<string, unknown>) => site.lab.awsControl<{ id: string }>('POST', '/faults', body)
const clear = () => site.lab.awsControl('DELETE', '/faults')
const s3 = { service: 's3', operation: 'UploadPart' }
const accessKey = site.lab.aws.connector.accessKeyId

t.test('objects and manifests are named by run and disk', async t => {
  t.equal(objectKey('run-1', 2000), 'runs/run-1/disk-2000.vmdk')
  t.equal(manifestName({ jobId: 'job-1', runId: 'run-1' }, 2000), 'job-1/run-1/disk-2000.manifest')
})

t.test('parts that S3 is too busy for, or fails at, are sent again, and the run says so', async t => {
  for (const [name, refusal] of [
    ['busy', { code: 'SlowDown', message: 'Please reduce your request rate.', statusCode: 503 }],
    ['failing', { code: 'InternalError', message: 'We encountered an internal error.', statusCode: 500 }],
  ] as const) {
    await fault({ ...s3, kind: 'error', ...refusal, times: 3 })
    const run = await site.replicate(name)
    t.ok(Object.values(run.retries).reduce((sum, count) => sum + count, 0) >= 3, JSON.stringify(run.retries))
    t.equal(run.resumptions, 0)
    await isWhole(t, site.lab, run)
  }
})

t.test('a connection that is reset in the middle of a part does no harm', async t => {
  await fault({ ...s3, kind: 'reset', afterBytes: 1_000_000, times: 2 })
  await isWhole(t, site.lab, await site.replicate('reset'))
})

t.test('a refusal is not sent again: the run fails, the upload is aborted', async t => {
  await fault({ ...s3, kind: 'error', code: 'AccessDenied', message: 'Access Denied', statusCode: 403, times: -1 })
  const run = await site.replicate('broken')
  await clear()
  t.match(run, {
    state: 'failed',
    resumptions: 0,
    failure: { code: 'AWS_PERMISSION_MISSING', stage: 'uploading', message: /s3:PutObject/ },
  })
  t.same(await leftBehind(site.lab), [])
})

t.test('credentials that stay expired end the run by name; what it made goes when they are renewed', async t => {
  await fault({ ...s3, kind: 'expiredToken', times: -1 })
  const run = await site.replicate('expired')
  await clear()
  t.match(run, {
    state: 'failed',
    failure: { code: 'AWS_CREDENTIALS_EXPIRED', stage: 'uploading', hint: /./ },
  })
  t.ok(run.resumptions >= 20 && run.resumptions <= 22, `${run.resumptions}`)
  t.same(await leftBehind(site.lab), [])
})

t.test('credentials that expire and are renewed in the settings: the run goes on with the new ones', async t => {
  await site.lab.vcenterControl('POST', '/shape', { bytesPerSecond: 8 * mib })
  const begun = await site.begin('renewed')
  await site.until(begun.id, isUploading)
  await fault({ kind: 'expiredToken', accessKey, times: -1 })
  const held = await site.until(begun.id, ({ setback }) => setback !== undefined)
  t.match(held.setback?.failure, { code: 'AWS_CREDENTIALS_EXPIRED', stage: 'uploading', hint: /fresh credentials/ })
  await site.lab.vcenterControl('POST', '/shape', { bytesPerSecond: 0 })
  const { accessKeyId, secretAccessKey } = site.lab.aws.admin
  const fresh = { ...site.awsBody(), accessKeyId, secretAccessKey }
  const { status, body } = await site.call('PUT', '/api/settings/aws', fresh)
  t.equal(status, 200, body.message ?? '')
  const run = await site.until(begun.id, hasEnded)
  await clear()
  t.ok(run.resumptions >= 1)
  t.notOk(run.setback)
  await isWhole(t, site.lab, run)
})

t.test('a limit of the policy holds for the bytes of a run, and lifting it lets them flow at once', async t => {
  const { body: policy } = await site.call<Record<string, unknown>>('GET', '/api/policy')
  const bandwidth = { bytesPerSecond: 256 * 1024, timetable: [] }
  t.equal((await site.call('PUT', '/api/policy', { ...policy, bandwidth })).status, 200)
  const begun = await site.begin('limited')
  await site.until(begun.id, isUploading)
  const startedAtMs = performance.now()
  await new Promise(resolve => setTimeout(resolve, 1000))
  t.match(await site.until(begun.id, () => true), { state: 'uploading' })
  await site.call('PUT', '/api/policy', { ...policy, bandwidth: { timetable: [] } })
  await isWhole(t, site.lab, await site.until(begun.id, hasEnded))
  // At that rate the disk takes 80 s.
  t.ok(performance.now() - startedAtMs < 20_000)
})
