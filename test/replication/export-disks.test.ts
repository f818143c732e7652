// Uploading, when the way from the host to S3 goes wrong: what passes is survived, what does not fails by name and leaves nothing.
import t, { type Test } from 'tap'
import { startSite } from '../site.ts'
import { hasEnded, isUploading, isWhole, leftBehind, quickAws, runsAgain } from './endings.ts'

const mib = 1024 * 1024
const survived = ['reset', 'short', 'refusing', 'lost', 'stalled', 'session', 'away', 'busy', 'quiesce']
const failing = ['truncated', 'corrupt', 'lying', 'full', 'low', 'filling', 'cancelled', 'gone', 'changed', 'twofold']
const site = await startSite(
  {
    aws: quickAws,
    datastores: [{ name: 'vmfs1', type: 'VMFS' }],
    vms: [...survived, ...failing].map((name, index) => ({
      name,
      disks: [
        { sizeBytes: 12 * mib, kind: 'data' as const, fill: 0.8, seed: 100 + index },
        { sizeBytes: 4 * mib, kind: 'data' as const, fill: 0.5, seed: 200 + index },
      ],
    })),
  },
  { stallMs: 800, watchMs: 50 },
)
t.teardown(() => site.stop())
await site.setUp()
const fault = (body: Record<string, unknown>) => site.lab.vcenterControl<{ id: string }>('POST', '/faults', body)
const clear = () => site.lab.vcenterControl('DELETE', '/faults')
const shape = (bytesPerSecond: number) => site.lab.vcenterControl('POST', '/shape', { bytesPerSecond })

/** Runs a server into a fault that strikes once, and looks whether the run has gone on. */
async function survives(t: Test, name: string, body: Record<string, unknown>) {
  await fault(body)
  const run = await site.replicate(name)
  t.same(await site.lab.vcenterControl('GET', '/faults'), [], 'the fault has struck')
  t.equal(run.resumptions, 1)
  await isWhole(t, site.lab, run)
}

t.test('a connection that is reset', t => survives(t, 'reset', { kind: 'nfcReset', afterBytes: 300_000 }))

t.test('a stream that ends too early', t => survives(t, 'short', { kind: 'nfcTruncate', afterBytes: 300_000 }))

t.test('a host that refuses the transfer', t => survives(t, 'refusing', { kind: 'nfcStatus', status: 503 }))

/** Strikes in the middle of a transfer. */
async function survivesMeanwhile(t: Test, name: string, strike: () => Promise<unknown>) {
  await shape(mib)
  const begun = await site.begin(name)
  await site.until(begun.id, isUploading)
  await strike()
  await shape(0)
  const run = await site.until(begun.id, hasEnded)
  await clear()
  await isWhole(t, site.lab, run)
  return run
}

t.test('a lease that vCenter ends', async t => {
  const run = await survivesMeanwhile(t, 'lost', () => fault({ kind: 'leaseLost' }))
  t.equal(run.resumptions, 1)
})

t.test('a host that falls silent', async t => {
  const run = await survivesMeanwhile(t, 'stalled', async () => {
    const { id } = await fault({ kind: 'blackHole', target: 'nfc', seconds: 20 })
    const [item] = (await site.call<{ items: { id: string }[] }>('GET', '/api/runs')).body.items
    const { setback } = await site.until(item?.id ?? '', ({ setback }) => setback !== undefined)
    t.match(setback, { failure: { code: 'NFC_STALLED', stage: 'uploading' }, resumeAt: /Z$/ })
    await site.lab.vcenterControl('DELETE', `/faults/${id}`)
  })
  t.ok(run.resumptions >= 1)
})

t.test('a session that vCenter ends', t => survivesMeanwhile(t, 'session', () => fault({ kind: 'sessionEnd' })))

t.test('a vCenter that is away for a while', async t => {
  const run = await survivesMeanwhile(t, 'away', async () => {
    await fault({ kind: 'away', seconds: 1.5 })
    await new Promise(resolve => setTimeout(resolve, 1500))
  })
  t.ok(run.resumptions >= 1)
})

t.test('a server that is busy when its snapshot is to be removed costs a wait, not the run', async t => {
  await fault({ kind: 'task', method: 'RemoveSnapshot_Task', fault: 'TaskInProgress', times: 1 })
  const run = await site.replicate('busy')
  t.equal(run.resumptions, 0)
  await isWhole(t, site.lab, run)
})

t.test('a guest that cannot be quiesced is replicated crash-consistent, with a warning', async t => {
  await fault({ kind: 'quiesceFail', times: 1 })
  const run = await site.replicate('quiesce')
  t.equal(run.state, 'succeeded', run.failure?.message ?? '')
  t.match(
    run.warnings.filter(({ code }) => code === 'QUIESCE_FAILED'),
    [{ severity: 'warning', hint: /./ }],
  )
})

/** Runs a server into a fault that stays, looks at how it ended, and that the job's next run is none the worse for it. */
async function fails(t: Test, name: string, body: Record<string, unknown>, code: string | RegExp) {
  await fault({ times: -1, ...body })
  const run = await site.replicate(name)
  await clear()
  t.match(run, { state: 'failed', failure: { code, stage: 'uploading' } }, run.failure?.message ?? '')
  t.match(run.failure?.message, name)
  t.ok(run.failure?.hint)
  t.notOk(run.vmSnapshotMoref)
  t.same(await leftBehind(site.lab), [])
  await runsAgain(t, site, run)
  return run
}

t.test('a stream that always ends too early fails in the end', async t => {
  const run = await fails(
    t,
    'truncated',
    { kind: 'nfcTruncate', afterBytes: 300_000 },
    /VMDK_TRUNCATED|NFC_INTERRUPTED/,
  )
  // Five times in a row; a disk that came further before the end counted anew.
  t.ok(run.resumptions >= 5 && run.resumptions <= 8, `${run.resumptions}`)
})

t.test('a grain that cannot be inflated fails at once: nobody knows what else is damaged', async t => {
  const run = await fails(t, 'corrupt', { kind: 'nfcCorruptGrain', grain: 5, times: 1 }, 'VMDK_CORRUPT_GRAIN')
  t.equal(run.resumptions, 0)
})

t.test("a host's manifest that disagrees with what was received", async t => {
  await fails(t, 'lying', { kind: 'nfcManifestLie', times: 1 }, 'NFC_MANIFEST_MISMATCH')
})

t.test('a datastore without space for the snapshot', async t => {
  await fails(t, 'full', { kind: 'task', method: 'CreateSnapshot_Task', fault: 'NoDiskSpace' }, 'DATASTORE_FULL')
})

t.test('a datastore below its floor: no snapshot is even asked for', async t => {
  const before = await site.lab.vcenterControl<{ number: number }[]>('GET', '/requests')
  await fault({ kind: 'datastoreFull', datastore: 'vmfs1' })
  const run = await site.replicate('low')
  const requests = await site.lab.vcenterControl('GET', `/requests?since=${before.at(-1)?.number ?? 0}`)
  await clear()
  t.match(run, { state: 'failed', failure: { code: 'DATASTORE_LOW', message: /vmfs1/, hint: /floor/ } })
  t.notMatch(JSON.stringify(requests), /CreateSnapshot/)
})

t.test('a datastore that fills up while the disks are read: the snapshot goes at once', async t => {
  await shape(200_000)
  const begun = await site.begin('filling')
  await site.until(begun.id, isUploading)
  const startedAtMs = performance.now()
  await fault({ kind: 'datastoreFull', datastore: 'vmfs1', freeBytes: mib })
  const run = await site.until(begun.id, hasEnded)
  t.ok(performance.now() - startedAtMs < 5000)
  await clear()
  await shape(0)
  t.match(run, { state: 'failed', failure: { code: 'DATASTORE_LOW', stage: 'uploading' } })
  t.same(await leftBehind(site.lab), [])
})

t.test('a run that is cancelled while bytes flow leaves nothing', async t => {
  await shape(500_000)
  const begun = await site.begin('cancelled')
  await site.until(begun.id, isUploading)
  const answer = await site.call<{ state: string; failure: unknown }>('POST', `/api/runs/${begun.id}/cancel`)
  await shape(0)
  t.match(answer.body, { state: 'cancelled', failure: { code: 'RUN_CANCELLED', stage: 'uploading' } })
  t.same(await leftBehind(site.lab), [])
})

t.test('an upload that cannot be aborted does not hide why the run failed', async t => {
  await fault({ kind: 'nfcCorruptGrain', grain: 5 })
  const refusal = { kind: 'error', code: 'AccessDenied', statusCode: 403, times: -1 }
  await site.lab.awsControl('POST', '/faults', { service: 's3', operation: 'AbortMultipartUpload', ...refusal })
  const run = await site.replicate('twofold')
  await site.lab.awsControl('DELETE', '/faults')
  t.match(run, { state: 'failed', failure: { code: 'VMDK_CORRUPT_GRAIN', stage: 'uploading' } })
  t.ok(run.warnings.some(({ code }) => code === 'AWS_PERMISSION_MISSING'))
  await runsAgain(t, site, run)
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
