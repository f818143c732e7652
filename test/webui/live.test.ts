import t from 'tap'
import type { RunView } from '../../webui/contract.ts'
import { applyEvent, importCatalog, live, loadJobs, loadRuns, totalRate, withHistory } from '../../webui/live.ts'
import { fakeApi } from './fake-api.ts'
import { disk, job, run } from './samples.ts'

const event = (kind: string, data: unknown) => applyEvent({ id: 'e-1', kind, data })

t.test('a run of the stream takes the place of the one that is known, or stands first', async t => {
  const api = fakeApi({})
  t.teardown(api.stop)
  live.jobs.set({ data: [job('job-1')] })
  live.runs.set({ data: [run('b', { createdAt: '2026-01-02T00:00:00Z' }), run('a')] })
  event('run', run('a', { state: 'converting' }))
  event('run', run('c', { createdAt: '2026-01-03T00:00:00Z' }))
  const known = live.runs.get().data ?? []
  t.strictSame(
    known.map(({ id, state }) => `${id} ${state}`),
    ['c uploading', 'b uploading', 'a converting'],
  )
})

t.test('what the stream says while a list is read is not undone by an older answer', async t => {
  const api = fakeApi({
    'GET /api/jobs': () => {
      // The answer was made before these.
      event('job', job('job-1', { state: 'paused' }))
      event('job', job('job-2'))
      event('job', { id: 'job-3', deleted: true })
      return { body: { items: [job('job-1'), job('job-3')] } }
    },
  })
  t.teardown(api.stop)
  live.jobs.set({})
  await loadJobs()
  t.strictSame(
    live.jobs.get().data?.map(({ id, state }) => `${id} ${state}`),
    ['job-1 paused', 'job-2 active'],
  )
})

t.test("the appliance's hour of throughput stands by the browser's clock, before what the page has seen", async t => {
  const view = {
    now: '2026-03-01T10:00:20.000Z',
    samples: [
      { at: '2026-03-01T10:00:00.000Z', seconds: 10, bytesPerSecond: 1 },
      { at: '2026-03-01T10:00:10.000Z', seconds: 10, bytesPerSecond: 2 },
    ],
  }
  // The browser's clock is a day behind.
  const nowMs = Date.parse('2026-02-28T10:00:20Z')
  const second = nowMs / 1000
  const own = [-15, -9, -1].map((ago, index) => ({ at: second + ago, seconds: 2, bytesPerSecond: 10 + index }))
  t.strictSame(withHistory(view, own, nowMs), [
    { at: second - 20, seconds: 10, bytesPerSecond: 1 },
    { at: second - 10, seconds: 10, bytesPerSecond: 2 },
    { at: second - 9, seconds: 2, bytesPerSecond: 11 },
    { at: second - 1, seconds: 2, bytesPerSecond: 12 },
  ])
  t.strictSame(withHistory({ ...view, samples: [] }, own, nowMs), own)
})

t.test('jobs, the catalog and checks follow their events', async t => {
  live.jobs.set({ data: [job('x'), job('y')] })
  event('job', job('x', { state: 'paused' }))
  event('job', { id: 'y', deleted: true })
  event('job', job('z'))
  t.strictSame(
    live.jobs.get().data?.map(({ id, state }) => `${id} ${state}`),
    ['x paused', 'z active'],
  )
  live.catalog.set({ data: { state: 'importing', servers: 3 } })
  event('catalog', { state: 'ready', endedAt: 'now' })
  t.match(live.catalog.get().data, { state: 'ready', servers: 3, endedAt: 'now' })
  const check = { id: 'dns', group: 'network', title: 'DNS', state: 'inProgress' } as const
  live.health.set({ data: { checks: [check], running: true } })
  event('health', { ...check, state: 'success' })
  t.equal(live.health.get().data?.checks[0]?.state, 'success')
})

t.test('what failed to be read leaves what was there, and says why', async t => {
  const api = fakeApi({
    'GET /api/runs': () => ({ status: 503, body: { code: 'STORE_LOCKED', message: 'm', hint: 'h' } }),
  })
  t.teardown(api.stop)
  live.runs.set({ data: [run('a')] })
  await loadRuns()
  t.equal(live.runs.get().data?.length, 1)
  t.equal(live.runs.get().error?.code, 'STORE_LOCKED')
})

t.test('the rate is that of all disks that are read', async t => {
  const runs: RunView[] = [
    run('a', { disks: [disk(1, 10, 5, 100), disk(2, 10, 5, 50)] }),
    run('b', { state: 'converting', disks: [disk(1, 10, 10, 900)] }),
    run('c', { disks: [disk(1, 10, 0)] }),
  ]
  t.equal(totalRate(runs), 150)
})

t.test('an import that fails before it is answered stays failed, and whoever began it hears of the end', async t => {
  const failure = { code: 'VCENTER_UNREACHABLE', message: 'm', hint: 'h' }
  const api = fakeApi({
    'POST /api/catalog/import': () => {
      event('catalog', { state: 'importing', startedAt: '2' })
      event('catalog', { state: 'failed', startedAt: '2', endedAt: '3', importedAt: '1', failure })
      return { status: 202, body: { state: 'importing', startedAt: '2', importedAt: '1', servers: 4 } }
    },
  })
  t.teardown(api.stop)
  live.catalog.set({ data: { state: 'ready', importedAt: '1', servers: 4 } })
  t.strictSame(await importCatalog(), {
    ...{ state: 'failed', startedAt: '2', endedAt: '3', importedAt: '1', servers: 4 },
    failure,
  })
})

t.test('whoever begins an import hears of its end also when that comes later, or never', async t => {
  const api = fakeApi({
    'POST /api/catalog/import': () => ({ status: 202, body: { state: 'importing', servers: 4 } }),
  })
  t.teardown(api.stop)
  const ended = importCatalog()
  for (let turn = 0; live.catalog.get().data?.state !== 'importing' && turn < 1000; turn++)
    await new Promise(setImmediate)
  event('catalog', { state: 'ready', endedAt: '5', servers: 6 })
  t.match(await ended, { state: 'ready', servers: 6 })
  const again = importCatalog()
  for (let turn = 0; live.catalog.get().data?.state !== 'importing' && turn < 1000; turn++)
    await new Promise(setImmediate)
  live.catalog.set({})
  t.equal(await again, undefined, 'signed out')
})

t.test("a check's new result takes the place of the old; nothing of the old survives", async t => {
  const check = { id: 'dns', group: 'network', title: 'DNS' } as const
  live.health.set({ data: { checks: [{ ...check, state: 'error', cause: 'c', fix: 'f' }], running: true } })
  event('health', { ...check, state: 'inProgress' })
  t.equal(live.health.get().data?.running, true)
  event('health', { ...check, state: 'success', at: 'now' })
  t.strictSame(live.health.get().data, { checks: [{ ...check, state: 'success', at: 'now' }], running: false })
  live.catalog.set({
    data: { state: 'failed', servers: 2, endedAt: 'x', failure: { code: 'A', message: 'm', hint: 'h' } },
  })
  event('catalog', { state: 'importing', startedAt: 'y' })
  t.strictSame(live.catalog.get().data, { servers: 2, state: 'importing', startedAt: 'y' })
})

t.test('what holds a run up is kept while it tries again, until bytes or a stage move on', async t => {
  const setback = { failure: { code: 'C', message: 'm', hint: 'h', stage: 'uploading' }, resumeAt: 'soon' } as const
  const known = () => live.runs.get().data?.[0]
  const held = () => live.runs.set({ data: [run('a', { disks: [disk(1, 10, 5)], setback })] })
  held()
  event('run', run('a', { disks: [disk(1, 10, 5)] }))
  t.strictSame(known()?.retrying, setback)
  event('run', run('a', { disks: [disk(1, 10, 0)] }))
  t.ok(known()?.retrying, 'it begins anew')
  const api = fakeApi({ 'GET /api/runs': () => ({ body: { items: [run('a', { disks: [disk(1, 10, 0)] })] } }) })
  t.teardown(api.stop)
  await loadRuns()
  t.ok(known()?.retrying, 'nor does a reload forget it')
  event('run', run('a', { disks: [disk(1, 10, 1)] }))
  t.notOk(known()?.retrying)
  held()
  event('run', run('a', { disks: [disk(1, 10, 5)], state: 'converting' }))
  t.notOk(known()?.retrying)
  held()
  event('run', run('a', { disks: [disk(1, 10, 5)], state: 'failed', endedAt: 'now' }))
  t.notOk(known()?.retrying)
})
