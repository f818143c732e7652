// Runs in progress: started, gone on with, held to the caps, cancelled, let go. What a run does is not looked at here.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import t from 'tap'
import type { Job, Run } from '../../appliance/domain.ts'
import { ApplianceError, type ErrorCode } from '../../appliance/errors.ts'
import { newRun, plannedRunId } from '../../appliance/replication/new-run.ts'
import { Runner, type RunnerOptions } from '../../appliance/replication/runner.ts'
import { connectorSlots, defaultCaps } from '../../appliance/replication/slots.ts'
import { readOnly } from '../../appliance/setup/connector-lease.ts'
import { openStore } from '../../appliance/store/store.ts'
import { poll } from '../site.ts'
import { sampleJob, sampleRun } from '../store/samples.ts'

const directory = await mkdtemp(join(tmpdir(), 'hoist-runner-'))
const store = await openStore(directory)
t.teardown(async () => {
  store.close()
  await rm(directory, { recursive: true, force: true })
})
let number = 0
const job = () => store.jobs.create(sampleJob(++number))

/** A runner whose runs all fail to connect, after a gate of the test's has been opened. */
function setUp({
  servers = 50,
  code = 'NOT_CONFIGURED' as ErrorCode,
  ...options
}: Partial<RunnerOptions> & { servers?: number; code?: ErrorCode } = {}) {
  const gate = Promise.withResolvers<void>()
  const begun: string[] = []
  const priorities: string[] = []
  const seen: Run[] = []
  const ended: Run[] = []
  const runner = new Runner({
    runs: store.runs,
    slots: connectorSlots({ ...defaultCaps, servers }),
    contextFor: async (made, _journal, { priority }) => {
      begun.push(made.id)
      priorities.push(priority)
      await gate.promise
      throw new ApplianceError(code, 'not now', { hint: 'wait' })
    },
    mayStart: async () => undefined,
    around: (_journal, execute) => execute(),
    listener: run => seen.push(run),
    ended: async run => void ended.push(run),
    watch: () => ({ low: new AbortController().signal, stop: () => undefined }),
    log: pino({ level: 'silent' }),
    resumeMs: 1,
    ...options,
  })
  t.teardown(() => runner.halt())
  const idle = (jobId: string) => poll(async () => (runner.isActive(jobId) ? undefined : true))
  return { runner, gate, begun, priorities, seen, ended, idle }
}

t.test('a run that cannot begin fails by name, is stored as ended, and its end is told once', async t => {
  const { runner, gate, seen, ended, idle } = setUp()
  const run = await runner.start(await job(), 'manual')
  t.match(run, { state: 'scheduled', trigger: 'manual' })
  gate.resolve()
  await idle(run.jobId)
  t.match(await store.runs.get(run.id), {
    state: 'failed',
    failure: { code: 'NOT_CONFIGURED', stage: 'scheduled', hint: 'wait' },
  })
  t.equal(seen[0]?.state, 'scheduled')
  t.equal(seen.filter(({ state }) => state === 'failed').length, 1)
  t.match(ended, [{ id: run.id, state: 'failed' }])
})

t.test('a first run comes before the next one of a server that has a replica, wherever slots are short', async t => {
  const { runner, gate, priorities, idle } = setUp()
  gate.resolve()
  const made = await job()
  await runner.start(made, 'manual')
  await idle(made.id)
  await store.runs.create(sampleRun(990, { jobId: made.id, serverId: made.serverId, state: 'succeeded' }))
  await runner.start(made, 'manual')
  await idle(made.id)
  t.same(priorities, ['first', 'delta'])
})

t.test('what passes is waited for, as often as its limit says, and then the run fails by that name', async t => {
  const { runner, gate, begun, seen, ended, idle } = setUp({ code: 'NFC_STALLED' })
  gate.resolve()
  const run = await runner.start(await job(), 'manual')
  await idle(run.jobId)
  t.equal(begun.length, 6)
  t.match(await store.runs.get(run.id), { state: 'failed', resumptions: 5, failure: { code: 'NFC_STALLED' } })
  t.ok(seen.some(({ setback }) => setback?.failure.code === 'NFC_STALLED' && setback.resumeAt))
  t.equal(ended.length, 1)
})

t.test(
  'a run that no connection is handed to while the clock is wrong waits, and goes on once it is right',
  async t => {
    let wrong = 3
    const { runner, seen, idle } = setUp({
      contextFor: async () => {
        const code = wrong-- > 0 ? 'AWS_CLOCK_SKEW' : 'NOT_CONFIGURED'
        throw new ApplianceError(code, 'not now', { hint: 'wait' })
      },
    })
    const run = await runner.start(await job(), 'manual')
    await idle(run.jobId)
    t.ok(seen.some(({ setback }) => setback?.failure.code === 'AWS_CLOCK_SKEW' && setback.resumeAt))
    t.equal(wrong, -1, 'it was begun again until the clock was right')
  },
)

t.test('a run that waits for what passes can be cancelled at once', async t => {
  const { runner, gate, seen } = setUp({ code: 'VCENTER_UNREACHABLE', resumeMs: 600_000 })
  gate.resolve()
  const run = await runner.start(await job(), 'manual')
  await poll(async () => seen.find(({ setback }) => setback))
  await runner.cancel(run.id)
  t.match(await store.runs.get(run.id), { state: 'cancelled', failure: { code: 'RUN_CANCELLED' } })
})

t.test('two starts of a job at the same moment make one run', async t => {
  const { runner, gate } = setUp()
  const made = await job()
  const outcomes = await Promise.allSettled([runner.start(made, 'manual'), runner.start(made, 'schedule')])
  t.same(outcomes.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
  const [, refused] = outcomes.toSorted((a, b) => a.status.localeCompare(b.status))
  t.match(refused, { reason: { code: 'RUN_IN_PROGRESS' } })
  t.ok(runner.isActive(made.id))
  gate.resolve()
  await runner.halt()
  t.notOk(runner.isActive(made.id))
})

t.test('a planned run is begun once, and a refused start leaves the job free', async t => {
  const { runner, gate, idle } = setUp()
  gate.resolve()
  const made = await job()
  const planned = { at: new Date('2026-03-01T02:00:00Z'), generation: 'first' }
  const run = await runner.start(made, 'schedule', planned)
  t.equal(run.id, plannedRunId(made.id, planned))
  await idle(made.id)
  await t.rejects(runner.start(made, 'schedule', planned), { code: 'RUN_EXISTS' })
  t.notOk(runner.isActive(made.id))
})

t.test('servers over the cap wait, and a waiting run can be cancelled', async t => {
  const { runner, gate, begun } = setUp({ servers: 1 })
  const first = await job()
  await runner.start(first, 'manual')
  const waiting = await runner.start(await job(), 'manual')
  await poll(async () => (begun.length > 0 ? true : undefined))
  await runner.cancel(waiting.id)
  t.same(begun, [first.id])
  t.match(await store.runs.get(waiting.id), { state: 'cancelled', failure: { code: 'RUN_CANCELLED' } })
  gate.resolve()
  await runner.halt()
})

t.test('in a blackout no run begins; one that has begun goes on', async t => {
  const blackout = Promise.withResolvers<void>()
  const { runner, gate, begun, idle } = setUp({ mayStart: () => blackout.promise })
  gate.resolve()
  const waiting = await runner.start(await job(), 'schedule')
  const made = await job()
  const under = await store.runs.create(sampleRun(1, { id: 'under-way', jobId: made.id, state: 'uploading' }))
  runner.resume(made, under)
  await idle(made.id)
  t.same(begun, [made.id])
  blackout.resolve()
  await idle(waiting.jobId)
  t.equal(begun.length, 2)
})

t.test('cancelling what does not run is NOT_FOUND', async t => {
  const { runner } = setUp()
  await t.rejects(runner.cancel('none'), { code: 'NOT_FOUND' })
  await runner.cancelJob('none')
})

t.test('a stop leaves every run as it stands, and the next start goes on with each, once', async t => {
  const { runner, gate, ended } = setUp({ servers: 1 })
  const made = [await job(), await job()]
  const runs = await Promise.all(made.map(one => runner.start(one, 'manual')))
  const later = await job()
  const stopped = runner.halt()
  gate.resolve()
  await stopped
  for (const { id } of runs) t.match(await store.runs.get(id), { state: 'scheduled', resumptions: 0 })
  t.same(ended, [])
  await t.rejects(runner.start(later, 'manual'), { code: 'RUN_INTERRUPTED' })

  const next = setUp()
  const stored = await store.runs.get(runs[0]?.id ?? '')
  for (let turn = 0; turn < 2; turn++) next.runner.resume(made[0] as Job, stored as Run)
  next.gate.resolve()
  await next.idle(made[0]?.id ?? '')
  t.equal(next.begun.length, 1)
  t.match(next.ended, [{ state: 'failed', resumptions: 1 }])
})

t.test('a connector that may not act starts and goes on with nothing, until it is released', async t => {
  const { runner, gate, begun, idle } = setUp()
  gate.resolve()
  await runner.halt(readOnly('cloned'))
  const made = await job()
  await t.rejects(runner.start(made, 'manual'), { code: 'CONNECTOR_READ_ONLY' })
  t.equal((await store.runs.list({ jobId: made.id })).items.length, 0)
  runner.resume(made, newRun(made, 'manual'))
  t.notOk(runner.isActive(made.id))
  runner.release()
  await runner.start(made, 'manual')
  await idle(made.id)
  t.equal(begun.length, 1)
})

t.test(
  'a run that was gone on with fifty times, and came no further, may be what stops the appliance: it ends',
  async t => {
    const { runner, begun, idle } = setUp()
    const made = await job()
    const run = await store.runs.create(
      sampleRun(2, {
        id: 'stuck',
        jobId: made.id,
        state: 'uploading',
        heldUp: { times: 50, steps: 'uploading', bytes: 0 },
      }),
    )
    runner.resume(made, run)
    await idle(made.id)
    t.same(begun, [])
    t.match(await store.runs.get(run.id), { state: 'failed', failure: { code: 'RUN_RESTARTED_TOO_OFTEN' } })
  },
)

t.test('a datastore that fills up while the run is held up, with its snapshot open, ends it by that name', async t => {
  const low = new AbortController()
  let watched = 0
  const watch: RunnerOptions['watch'] = () => {
    watched++
    return { low: low.signal, stop: () => void watched-- }
  }
  const { runner, gate, seen, idle } = setUp({ code: 'VCENTER_UNREACHABLE', resumeMs: 600_000, watch })
  gate.resolve()
  const made = await job()
  const at = new Date().toISOString()
  const steps = [{ kind: 'vmSnapshot' as const, phase: 'effected' as const, at }]
  const run = await store.runs.create(sampleRun(3, { id: 'frozen', jobId: made.id, state: 'uploading', steps }))
  runner.resume(made, run)
  await poll(async () => seen.find(({ setback }) => setback))
  await poll(async () => (watched === 1 ? true : undefined))
  low.abort(new ApplianceError('DATASTORE_LOW', 'vmfs1 fills up', { hint: 'h' }))
  await poll(async () => seen.find(({ failure }) => failure?.code === 'DATASTORE_LOW'))
  t.equal(watched, 0)
  t.ok(runner.isActive(made.id), 'its snapshot has to go first')
  await runner.halt()
  await idle(made.id)
})

t.test('an end that could not be dealt with does not keep the job busy', async t => {
  const { runner, gate, idle } = setUp({ ended: () => Promise.reject(new Error('no room')) })
  t.plan(0)
  gate.resolve()
  const { jobId } = await runner.start(await job(), 'manual')
  await idle(jobId)
})
