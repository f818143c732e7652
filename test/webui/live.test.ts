import t from 'tap'
import type { RunView } from '../../webui/contract.ts'
import { applyEvent, forgetJob, live, loadRuns, noteJob, totalRate } from '../../webui/live.ts'
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

t.test('a job that no event told of is read when a run of it appears or ends', async t => {
  const api = fakeApi({ 'GET /api/jobs/job-2': () => ({ body: job('job-2') }) })
  t.teardown(api.stop)
  live.jobs.set({ data: [] })
  live.runs.set({ data: [] })
  event('run', run('n', { jobId: 'job-2' }))
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame(
    live.jobs.get().data?.map(({ id }) => id),
    ['job-2'],
  )
  t.equal(api.asked.length, 1)
  event('run', run('n', { jobId: 'job-2', state: 'converting' }))
  t.equal(api.asked.length, 1, 'not at every change')
  event('run', run('n', { jobId: 'job-2', state: 'succeeded', endedAt: '2026-01-01T01:00:00Z' }))
  t.equal(api.asked.length, 2)
})

t.test('jobs, the catalog and checks follow their events', async t => {
  live.jobs.set({ data: [job('x'), job('y')] })
  noteJob(job('x', { state: 'paused' }))
  forgetJob('y')
  t.match(live.jobs.get().data, [{ id: 'x', state: 'paused' }])
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
