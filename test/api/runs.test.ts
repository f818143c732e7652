// Runs over the API: history in pages, progress, and cancelling.
import t from 'tap'
import type { RunView } from '../../appliance/api/schemas/runs.ts'
import { startSite } from '../site.ts'
import { documentedCall } from './documented.ts'

const site = await startSite({
  vms: ['web01', 'web02'].map(name => ({ name, disks: [{ sizeBytes: 2 << 20, seed: 7, fill: 0.5 }] })),
  aws: { timing: { stepMs: 20, settleMs: 0, completeMs: 20 } },
})
t.teardown(() => site.stop())
const { lab } = site
const call = documentedCall(site)
await site.setUp()

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

t.test('the history comes newest first, in pages, of one job or all', async t => {
  const { body: all } = await call<Page>('GET', '/api/runs')
  t.same(
    all.items.map(run => run.serverName),
    ['web02', 'web01'],
  )
  const { body: first } = await call<Page>('GET', '/api/runs?limit=1')
  const { body: second } = await call<Page>('GET', `/api/runs?limit=1&after=${first.next}`)
  t.same([...first.items, ...second.items], all.items)
  t.equal(second.next, undefined)
  const jobId = all.items[0]?.jobId
  t.same((await call<Page>('GET', `/api/runs?jobId=${jobId}`)).body.items, all.items.slice(0, 1))
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
