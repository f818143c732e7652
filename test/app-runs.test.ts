// Who may run, as the composition has it: a real store, schedule and runner under each standing of the connector.
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { EventHub } from '../appliance/api/events.ts'
import { composeRuns } from '../appliance/app-runs.ts'
import type { ReadOnlyReason, Run } from '../appliance/domain.ts'
import { ThroughputHistory } from '../appliance/metrics/throughput.ts'
import { RunRates } from '../appliance/replication/run-view.ts'
import { connectorSlots } from '../appliance/replication/slots.ts'
import { defaultPolicy } from '../appliance/schedule/policy.ts'
import { ClockGate } from '../appliance/setup/clock-gate.ts'
import { Connections } from '../appliance/setup/connections.ts'
import { notYetRead, type Standing } from '../appliance/setup/connector-lease.ts'
import { ensureConnector } from '../appliance/setup/registration.ts'
import { openStore } from '../appliance/store/store.ts'
import { poll } from './site.ts'
import { sampleJob, sampleRun } from './store/samples.ts'

const unknown: Standing = { state: 'unknown', failure: notYetRead() }
const unregistered: Standing = { state: 'unregistered' }

async function compose(t: Test) {
  const dataDir = t.testdir()
  const store = await openStore(dataDir)
  await ensureConnector(store.settings)
  const now = () => new Date()
  const clock = new ClockGate({ isSynchronized: async () => true, now, onSkew: () => undefined })
  const told = { started: 0, readOnly: [] as ReadOnlyReason[], ended: [] as Run[], failures: [] as unknown[] }
  const lease = {
    standing: unknown,
    advance: async () => undefined,
    confirm: async () => undefined,
    assertActive: () => undefined,
    ensureActive: async () => undefined,
  }
  const composed = composeRuns({
    config: { dataDir, pollMs: 10, resumeMs: 10, stallMs: 1000, watchMs: 1000, scheduleMs: 10 },
    store,
    connections: new Connections(store.settings, store.secrets, () => undefined, clock),
    policy: () => defaultPolicy,
    lease,
    slots: connectorSlots(),
    notifications: {
      start: () => void told.started++,
      runEnded: async () => undefined,
      readOnly: async reason => void told.readOnly.push(reason),
      credentialsExpired: async () => undefined,
    },
    hub: new EventHub(),
    rates: new RunRates(),
    throughput: new ThroughputHistory(now),
    metrics: { observe: () => undefined, ended: run => void told.ended.push(run) },
    now,
    log: pino({ level: 'silent' }),
    onError: error => void told.failures.push(error),
  })
  t.teardown(async () => {
    await composed.stop()
    store.close()
  })
  const become = async (standing: Standing) => {
    lease.standing = standing
    await composed.follow(standing)
  }
  return { composed, store, told, become }
}

const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString()
/** Longer than the schedule takes to look some ten times. */
const aWhile = () => new Promise(resolve => setTimeout(resolve, 150))

t.test('what is due waits until it is known that this machine may act', async t => {
  const { composed, store, told, become } = await compose(t)
  const due = minutesAgo(1)
  const schedule = { startAt: due, everyHours: 6 }
  const { id } = await store.jobs.create(sampleJob(1, { schedule, nextRunAt: due }))
  await composed.start()
  await become(unknown)
  await aWhile()
  t.strictSame((await store.runs.list({ jobId: id })).items, [])
  await become({ state: 'readOnly', reason: 'cloned' })
  await aWhile()
  t.strictSame((await store.runs.list({ jobId: id })).items, [])
  t.strictSame(told.readOnly, ['cloned'], 'somebody is told, once')

  await become(unregistered)
  const ended = await poll(async () => told.ended.find(run => run.jobId === id))
  t.match(ended, { trigger: 'schedule', state: 'failed', failure: { code: 'NOT_CONFIGURED' } })
  const after = await poll(async () => {
    const job = await store.jobs.get(id)
    return job?.failuresInARow === 1 ? job : undefined
  })
  t.ok(after.nextRunAt && Date.parse(after.nextRunAt) > Date.now(), 'its next time is planned')
  t.strictSame(told.failures, [])
})

t.test('a planned time of long ago was missed, and is told', async t => {
  const { composed, store, told, become } = await compose(t)
  const due = minutesAgo(16)
  const schedule = { startAt: due, everyHours: 6 }
  const { id } = await store.jobs.create(sampleJob(1, { schedule, nextRunAt: due }))
  await become(unregistered)
  await composed.start()
  const missed = await poll(async () => told.ended.find(run => run.jobId === id))
  t.match(missed, { state: 'missed', failure: { code: 'RUN_MISSED' } })
})

t.test('the runs of an older database end without being gone on with', async t => {
  const { composed, store, become } = await compose(t)
  await store.jobs.create(sampleJob(1))
  await store.runs.create(sampleRun(1, { jobId: 'job-1', state: 'uploading' }))
  await composed.abandon()
  await become(unregistered)
  t.match(await store.runs.get('run-00001'), { state: 'failed', failure: { code: 'DATABASE_RESTORED' } })
})

t.test('a retry outside of runs is nobody’s', async t => {
  const { composed } = await compose(t)
  t.doesNotThrow(() => composed.countRetry('timeout'))
})
