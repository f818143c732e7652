// Uploading, when the way from the host to S3 goes wrong: a named error, no snapshot, no upload, and the next run succeeds.
import t, { type Test } from 'tap'
import { findLeftovers } from '../demo/verify.ts'
import { startSite } from '../site.ts'

const mib = 1024 * 1024
const names = [
  'truncated',
  'reset',
  'corrupt',
  'lying',
  'lost',
  'refused',
  'full',
  'quiesce',
  'cancelled',
  'gone',
  'changed',
  'busy',
  'twofold',
]
const site = await startSite({
  datastores: [{ name: 'vmfs1', type: 'VMFS' }],
  vms: names.map((name, index) => ({
    name,
    disks: [
      { sizeBytes: 24 * mib, kind: 'data' as const, fill: 0.8, seed: 100 + index },
      { sizeBytes: 8 * mib, kind: 'data' as const, fill: 0.5, seed: 200 + index },
    ],
  })),
})
t.teardown(() => site.stop())
await site.setUp()
const fault = (body: Record<string, unknown>) => site.lab.vcenterControl<{ id: string }>('POST', '/faults', body)

/** Runs a server into a fault, looks at how it ended, and that the job's next run is none the worse for it. */
async function fails(t: Test, name: string, faultBody: Record<string, unknown>, code: string | RegExp) {
  const { id } = await fault(faultBody)
  const run = await site.replicate(name)
  await site.lab.vcenterControl('DELETE', `/faults/${id}`)
  t.match(run, { state: 'failed', failure: { code, stage: 'uploading' } }, run.failure?.message ?? '')
  t.match(run.failure?.message, name)
  t.ok(run.failure?.hint)
  t.same(await findLeftovers(site.lab), [])
  t.notOk(run.vmSnapshotMoref)
  const again = await site.call<{ id: string }>('POST', `/api/jobs/${run.jobId}/runs`)
  const second = await site.until(again.body.id, ({ endedAt }) => endedAt !== undefined)
  t.equal(second.state, 'succeeded', second.failure?.message ?? '')
}

t.test('a stream that ends too early', t =>
  fails(t, 'truncated', { kind: 'nfcTruncate', afterBytes: 300_000, times: 1 }, /VMDK_TRUNCATED|NFC_INTERRUPTED/),
)

t.test('a connection that is reset', t =>
  fails(t, 'reset', { kind: 'nfcReset', afterBytes: 300_000, times: 1 }, 'NFC_INTERRUPTED'),
)

t.test('a grain that cannot be inflated', t =>
  fails(t, 'corrupt', { kind: 'nfcCorruptGrain', grain: 5, times: 1 }, 'VMDK_CORRUPT_GRAIN'),
)

t.test("a host's manifest that disagrees with what was received", t =>
  fails(t, 'lying', { kind: 'nfcManifestLie', times: 1 }, 'NFC_MANIFEST_MISMATCH'),
)

t.test('a lease that ends under us', t => fails(t, 'lost', { kind: 'leaseError', times: 1 }, 'NFC_LEASE_LOST'))

t.test('a host that refuses the transfer', t =>
  fails(t, 'refused', { kind: 'nfcStatus', status: 503, times: 10 }, /^NFC_/),
)

t.test('a datastore without space for the snapshot', t =>
  fails(t, 'full', { kind: 'datastoreFull', datastore: 'vmfs1', times: 1 }, 'DATASTORE_FULL'),
)

t.test('a guest that cannot be quiesced is replicated crash-consistent, with a warning', async t => {
  const { id } = await fault({ kind: 'quiesceFail', times: 1 })
  const run = await site.replicate('quiesce')
  await site.lab.vcenterControl('DELETE', `/faults/${id}`)
  t.equal(run.state, 'succeeded', run.failure?.message ?? '')
  t.match(
    run.warnings.filter(({ code }) => code === 'QUIESCE_FAILED'),
    [{ severity: 'warning', hint: /./ }],
  )
})

t.test('a run that is cancelled while bytes flow leaves nothing', async t => {
  await site.lab.vcenterControl('POST', '/shape', { bytesPerSecond: 500_000 })
  const begun = await site.begin('cancelled')
  await site.until(begun.id, run => run.vmSnapshotMoref !== undefined && run.disks.some(disk => disk.objectKey))
  const answer = await site.call<{ state: string; failure: unknown }>('POST', `/api/runs/${begun.id}/cancel`)
  await site.lab.vcenterControl('POST', '/shape', { bytesPerSecond: 0 })
  t.match(answer.body, { state: 'cancelled', failure: { code: 'RUN_CANCELLED', stage: 'uploading' } })
  t.same(await findLeftovers(site.lab), [])
})

t.test('a server that is busy when its snapshot is to be removed costs a wait, not the run', async t => {
  await fault({ kind: 'task', method: 'RemoveSnapshot_Task', fault: 'TaskInProgress', times: 1 })
  const run = await site.replicate('busy')
  t.equal(run.state, 'succeeded', run.failure?.message ?? '')
  t.same(await findLeftovers(site.lab), [])
})

t.test('an upload that cannot be aborted does not hide why the run failed', async t => {
  await fault({ kind: 'nfcReset', afterBytes: 300_000, times: 1 })
  const { id } = await site.lab.awsControl<{ id: string }>('POST', '/faults', {
    ...{
      service: 's3',
      operation: 'AbortMultipartUpload',
      kind: 'error',
      code: 'AccessDenied',
      statusCode: 403,
      times: -1,
    },
  })
  const run = await site.replicate('twofold')
  await site.lab.awsControl('DELETE', `/faults/${id}`)
  t.match(run, { state: 'failed', failure: { code: 'NFC_INTERRUPTED', stage: 'uploading' } })
  t.ok(run.warnings.some(({ code }) => code === 'AWS_PERMISSION_MISSING'))
  const { body } = await site.call<{ id: string }>('POST', `/api/jobs/${run.jobId}/runs`)
  t.equal((await site.until(body.id, ({ endedAt }) => endedAt !== undefined)).state, 'succeeded')
})

t.test('a server that left vCenter after the import of the catalog', async t => {
  await site.lab.vcenterControl('DELETE', '/vms/gone')
  const run = await site.replicate('gone')
  t.match(run, { state: 'failed', failure: { code: 'SERVER_GONE', stage: 'scheduled', hint: /import the catalog/i } })
})

t.test('a second job on the same server is refused', async t => {
  const { id } = await site.server('changed')
  const first = await site.call<{ created: unknown[] }>('POST', '/api/jobs', {
    serverIds: [id],
    schedule: { startAt: new Date(Date.now() + 3_600_000).toISOString() },
  })
  t.equal(first.body.created.length, 1)
  const second = await site.call('POST', '/api/jobs', { serverIds: [id] })
  t.match(second.body, { created: [], refused: [{ code: 'JOB_EXISTS', hint: /./ }] })
})
