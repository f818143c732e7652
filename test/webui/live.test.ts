import t from 'tap'
import type { RunView } from '../../webui/contract.ts'
import { applyEvent, live, loadJobs, loadRuns, totalRate, withHistory } from '../../webui/live.ts'
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
