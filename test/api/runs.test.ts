// Runs over the API: history in pages, progress, and cancelling.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { RunView } from '../../appliance/api/schemas/runs.ts'
import { runOutcomes, runStages } from '../../appliance/domain.ts'
import { readMetrics } from '../metrics/read-metrics.ts'
import { startSite } from '../site.ts'
import { sampleRun } from '../store/samples.ts'
import { documentedCall } from './documented.ts'
import { memoryApi } from './memory-api.ts'

const site = await startSite({
  vms: ['web01', 'web02'].map(name => ({ name, disks: [{ sizeBytes: 2 << 20, seed: 7, fill: 0.5 }] })),
  aws: { timing: { stepMs: 20, settleMs: 0, completeMs: 20 } },
})
t.teardown(() => site.stop())
const { lab } = site
const call = documentedCall(site)
await site.setUp()

/** A service that a test does not reach. */
async function never(): Promise<never> {
  throw new Error('This is not asked for')
}

interface Page {
  items: RunView[]
  next?: string
}

t.test('a run that succeeded shows what it made', async t => {
  const run = await site.replicate('web01')
  t.match((await call<RunView>('GET', `/api/runs/${run.id}`)).body, {
    state: 'succeeded',
    imageId: /^ami-/,
    imageSnapshotIds: [/^snap-/],
    disks: [{ objectDeleted: true, readBytes: 2 << 20, snapshotId: /^snap-/ }],
  })
  t.match(await call('POST', `/api/runs/${run.id}/cancel`), { status: 404, body: { code: 'NOT_FOUND', hint: /ended/ } })
  t.equal((await call<RunView>('GET', `/api/runs/${run.id}`)).body.state, 'succeeded', 'still')
})

t.test('a run is cancelled in each of its first stages; asking twice is fine', async t => {
  const { id: hold } = await lab.vcenterControl<{ id: number }>('POST', '/faults', {
    kind: 'hold',
    method: 'ExportSnapshot',
  })
  const run = await site.begin('web02')
  await site.until(run.id, ({ vmSnapshotMoref }) => vmSnapshotMoref !== undefined)
  const answers = Promise.all([1, 2].map(() => call<RunView>('POST', `/api/runs/${run.id}/cancel`)))
  await lab.vcenterControl('DELETE', `/faults/${hold}`)
  for (const { status, body } of await answers) {
    t.equal(status, 200)
    t.match(body, { state: 'cancelled', failure: { code: 'RUN_CANCELLED', stage: 'uploading' } })
  }
  const { snapshots } = await lab.vcenterControl<{ snapshots: Record<string, unknown[]> }>('GET', '/state')
  t.same(Object.values(snapshots).flat(), [])
})

t.test('a run that was cancelled is tried again by a new run of its job; one that succeeded is not', async t => {
  const { body: before } = await call<Page>('GET', '/api/runs')
  const [cancelled, succeeded] = before.items
  t.match(await call('POST', `/api/runs/${succeeded?.id}/retry`), { status: 409, body: { code: 'RUN_NOT_FAILED' } })
  const { status, body: retried } = await call<RunView>('POST', `/api/runs/${cancelled?.id}/retry`)
  t.equal(status, 202)
  t.match(retried, { jobId: cancelled?.jobId, trigger: 'manual' })
  t.not(retried.id, cancelled?.id)
  t.match(await site.until(retried.id, ({ endedAt }) => endedAt !== undefined), { state: 'succeeded' })
  t.equal((await call<RunView>('GET', `/api/runs/${cancelled?.id}`)).body.state, 'cancelled', 'history stays')
})

t.test('only runs that ended badly are tried again', async t => {
  const started: string[] = []
  let run = sampleRun(1)
  const memory = await memoryApi({
    runs: { list: async () => ({ items: [] }), get: async () => run, cancel: async () => undefined },
    jobs: {
      ...{ create: never, list: never, get: never, change: never, remove: never },
      async start(id) {
        started.push(id)
        return sampleRun(2, { jobId: id })
      },
    },
  })
  t.teardown(() => memory.api.close())
  for (const state of [...runStages, ...runOutcomes]) {
    run = sampleRun(1, { state, jobId: `job-${state}` })
    const { status } = await memory.call('POST', `/api/runs/${run.id}/retry`)
    t.equal(status, ['failed', 'cancelled', 'missed'].includes(state) ? 202 : 409, state)
  }
  t.same(started, ['job-failed', 'job-cancelled', 'job-missed'])
})

t.test('the history comes newest first, in pages, of one job or all', async t => {
  const { body: all } = await call<Page>('GET', '/api/runs')
  t.same(
    all.items.map(run => run.serverName),
    ['web02', 'web02', 'web01'],
  )
  const { body: first } = await call<Page>('GET', '/api/runs?limit=1')
  const { body: second } = await call<Page>('GET', `/api/runs?limit=2&after=${first.next}`)
  t.same([...first.items, ...second.items], all.items)
  t.equal(second.next, undefined)
  const jobId = all.items[0]?.jobId
  t.same((await call<Page>('GET', `/api/runs?jobId=${jobId}`)).body.items, all.items.slice(0, 2))
})

t.test('what the runs have done stands in the metrics', async t => {
  const token = (await readFile(join(site.dataDir, 'metrics-token'), 'utf8')).trim()
  const { body } = await site.app.api.inject({ url: '/metrics', headers: { authorization: `Bearer ${token}` } })
  const families = await readMetrics(body)
  const value = (name: string, labels: object = {}) =>
    Object.values(families)
      .flatMap(({ samples }) => samples)
      .find(sample => sample.name === name && Object.entries(labels).every(([key, at]) => sample.labels[key] === at))
      ?.value
  t.equal(value('hoist_runs_ended_total', { outcome: 'succeeded' }), 2)
  t.equal(value('hoist_runs_ended_total', { outcome: 'cancelled' }), 1)
  const disks = (await call<Page>('GET', '/api/runs')).body.items.flatMap(run => run.disks)
  t.equal(
    value('hoist_run_bytes_read_total'),
    disks.reduce((sum, disk) => sum + disk.readBytes, 0),
  )
  t.equal(
    value('hoist_run_bytes_sent_total'),
    disks.reduce((sum, disk) => sum + disk.uploadedBytes, 0),
  )
  t.ok((value('hoist_run_bytes_sent_total') ?? 0) > 0)
  t.ok(Math.abs((value('hoist_last_success_timestamp_seconds', { server: 'web01' }) ?? 0) - Date.now() / 1000) < 60)
  t.equal(value('hoist_runs', { state: 'uploading' }), 0)
  t.equal(value('hoist_snapshots_open'), 0)
  t.equal(value('hoist_slot_cap', { slot: 'servers' }), 50)
  t.equal(value('hoist_connector_read_only'), 0)
  t.ok((value('hoist_store_size_bytes') ?? 0) > 4096)
  for (const reader of ['connector', 'runs', 'jobs', 'slots', 'store', 'backup'])
    t.equal(value('hoist_metrics_reader_failures_total', { reader }), 0, reader)
})

t.test('cursors, limits and ids that nobody gave out are refused', async t => {
  const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const cursors = ['x', encoded(['a', 'b']), encoded([1]), encoded({ length: 2 }), encoded(null)]
  for (const after of cursors) t.equal((await call('GET', `/api/runs?after=${after}`)).status, 400, after)
  for (const query of ['limit=0', 'limit=501', 'limit=x', 'limit=1&limit=2', 'jobId=', 'jobId=%00', 'x=1'])
    t.equal((await call('GET', `/api/runs?${query}`)).status, 400, query)
  t.match(await call('GET', '/api/runs/__proto__'), { status: 404 })
  t.match(await call('POST', '/api/runs/none/cancel'), { status: 404 })
  t.match(await call('POST', '/api/runs/none/cancel', { force: true }), { status: 400, body: { message: /no body/ } })
})
