// Runs in progress: starting, capping, cancelling, draining. What a run does is not looked at here.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Job, Run } from '../../appliance/domain.ts'
import { ApplianceError } from '../../appliance/errors.ts'
import { Runner } from '../../appliance/replication/runner.ts'
import { connectorSlots, defaultCaps } from '../../appliance/replication/slots.ts'
import { openStore } from '../../appliance/store/store.ts'
import { poll } from '../site.ts'
import { sampleJob } from '../store/samples.ts'

const directory = await mkdtemp(join(tmpdir(), 'hoist-runner-'))
const store = await openStore(directory)
t.teardown(async () => {
  store.close()
  await rm(directory, { recursive: true, force: true })
})
let number = 0

/** A runner whose runs all fail to connect, after a gate of the test's has been opened. */
async function setUp(servers = 50) {
  const gate = Promise.withResolvers<void>()
  const begun: string[] = []
  const seen: Run[] = []
  const runner = new Runner({
    runs: store.runs,
    slots: connectorSlots({ ...defaultCaps, servers }),
    contextFor: async (job: Job) => {
      begun.push(job.id)
      await gate.promise
      throw new ApplianceError('VCENTER_UNREACHABLE', 'vCenter is away', { hint: 'wait' })
    },
    around: (_journal, execute) => execute(),
    listener: run => seen.push(run),
    onError: error => t.fail(`${error}`),
  })
  const job = () => store.jobs.create(sampleJob(++number))
  return { runner, gate, begun, seen, job }
}

t.test('a run that cannot begin fails by name and is stored as ended', async t => {
  const { runner, gate, seen, job } = await setUp()
  const run = await runner.start(await job())
  t.equal(run.state, 'scheduled')
  gate.resolve()
  await poll(async () => (runner.isActive(run.jobId) ? undefined : true))
  t.match(await store.runs.get(run.id), {
    state: 'failed',
    failure: { code: 'VCENTER_UNREACHABLE', stage: 'scheduled', hint: 'wait' },
  })
  t.same(
    seen.map(({ state }) => state),
    ['scheduled', 'failed'],
  )
})

t.test('two starts of a job at the same moment make one run', async t => {
  const { runner, gate, job } = await setUp()
  const made = await job()
  const outcomes = await Promise.allSettled([runner.start(made), runner.start(made)])
  t.same(outcomes.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
  const [, refused] = outcomes.toSorted((a, b) => a.status.localeCompare(b.status))
  t.match(refused, { reason: { code: 'RUN_IN_PROGRESS' } })
  t.ok(runner.isActive(made.id))
  gate.resolve()
  await runner.stop()
  t.notOk(runner.isActive(made.id))
})

t.test('servers over the cap wait, and a waiting run can be cancelled', async t => {
  const { runner, gate, begun, job } = await setUp(1)
  const first = await job()
  const second = await job()
  await runner.start(first)
  const waiting = await runner.start(second)
  await new Promise(resolve => setTimeout(resolve, 20))
  t.same(begun, [first.id])
  await runner.cancel(waiting.id)
  t.match(await store.runs.get(waiting.id), { state: 'cancelled', failure: { code: 'RUN_CANCELLED' } })
  gate.resolve()
  await runner.stop()
})

t.test('cancelling what does not run is NOT_FOUND', async t => {
  const { runner } = await setUp()
  await t.rejects(runner.cancel('none'), { code: 'NOT_FOUND' })
  await runner.cancelJob('none')
})

t.test('a stop interrupts what goes on and lets nothing new begin', async t => {
  const { runner, gate, job } = await setUp(1)
  await runner.start(await job())
  const waiting = await runner.start(await job())
  const later = await job()
  const stopped = runner.stop()
  gate.resolve()
  await stopped
  t.match(await store.runs.get(waiting.id), { state: 'failed', failure: { code: 'RUN_INTERRUPTED' } })
  await t.rejects(runner.start(later), { code: 'RUN_INTERRUPTED' })
})
