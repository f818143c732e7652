// Jobs as operators handle them, on a real store.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { assess } from '../../appliance/catalog/assess.ts'
import type { Job, RunTrigger } from '../../appliance/domain.ts'
import { jobService } from '../../appliance/replication/jobs.ts'
import type { Runner } from '../../appliance/replication/runner.ts'
import { firstRun, nextRun, resumedRun, validateSchedule } from '../../appliance/schedule/next-run.ts'
import { validateBandwidth } from '../../appliance/schedule/policy.ts'
import { readOnly } from '../../appliance/setup/connector-lease.ts'
import { openStore } from '../../appliance/store/store.ts'
import { sampleServer } from '../store/samples.ts'

const directory = await mkdtemp(join(tmpdir(), 'hoist-jobs-'))
const store = await openStore(directory)
t.teardown(async () => {
  store.close()
  await rm(directory, { recursive: true, force: true })
})
const cancelled: string[] = []
const started: string[] = []
const runner = {
  cancelJob: async (id: string) => void cancelled.push(id),
  start: async (job: Job, trigger: RunTrigger) => void started.push(`${job.id} ${trigger}`),
} as unknown as Runner
const now = () => new Date('2026-03-01T10:00:00Z')
const times = { validateSchedule, validateBandwidth, firstRun, nextRun, resumedRun }
let active = true
const ensureActive = async () => {
  if (!active) throw readOnly('cloned')
}
const imagesRemoved: string[] = []
const jobs = jobService({
  ...{ jobs: store.jobs, servers: store.servers, runner, assess, times, ensureActive, now },
  removeImages: async job => void imagesRemoved.push(job.id),
})
const plain = sampleServer(1, { id: 'plain', name: 'plain' })
const [firstDisk] = plain.disks
const odd = sampleServer(2, { id: 'odd', name: 'odd', disks: firstDisk ? [{ ...firstDisk, kind: 'rdmPhysical' }] : [] })
const generation = await store.servers.begin()
await store.servers.upsert(generation, [plain, odd])
await store.servers.finish(generation)

t.test('a job starts now unless it is told otherwise, with the documented defaults', async t => {
  const { created } = await jobs.create({ serverIds: ['plain'] })
  t.match(created, [
    {
      serverName: 'plain',
      schedule: { startAt: '2026-03-01T10:00:00.000Z' },
      nextRunAt: '2026-03-01T10:00:00.000Z',
      settings: { licence: 'auto', imageMethod: 'registered', encrypted: false, retention: 7 },
    },
  ])
})

t.test('a second job, a server that cannot be replicated and one that is unknown are refused one by one', async t => {
  const { created, refused } = await jobs.create({ serverIds: ['plain', 'odd', 'none'] })
  t.same(created, [])
  t.same(
    refused.map(({ serverId, code }) => `${serverId} ${code}`),
    ['plain JOB_EXISTS', 'odd SERVER_REFUSED', 'none NOT_FOUND'],
  )
  for (const { hint } of refused) t.ok(hint)
})

t.test('a bad schedule and a key without encryption are refused whole', async t => {
  await t.rejects(jobs.create({ serverIds: ['plain'], schedule: { startAt: '2027-01-01T00:00:00Z' } }), {
    code: 'SCHEDULE_INVALID',
  })
  await t.rejects(jobs.create({ serverIds: ['plain'], settings: { kmsKeyId: 'alias/a' } }), { code: 'INVALID_REQUEST' })
})

t.test('a change keeps what it does not name', async t => {
  const [job] = await jobs.list()
  const id = job?.id ?? ''
  t.match(await jobs.change(id, { state: 'paused' }), { state: 'paused', settings: { retention: 7 } })
  t.match(await jobs.change(id, { settings: { retention: 3 } }), {
    state: 'paused',
    settings: { retention: 3, licence: 'auto' },
  })
  const every4 = await jobs.change(id, { schedule: { everyHours: 4 } })
  t.match(every4, { state: 'active', schedule: { startAt: '2026-03-01T10:00:00.000Z', everyHours: 4 } })
  const offsetMs = Date.parse(every4.nextRunAt ?? '') - Date.parse('2026-03-01T14:00:00Z')
  t.ok(offsetMs >= 0 && offsetMs <= 300_000, `at the next interval and not now: ${every4.nextRunAt}`)
  t.match(await jobs.change(id, { schedule: { startAt: '2026-03-02T01:00:00Z' } }), {
    schedule: { startAt: '2026-03-02T01:00:00Z', everyHours: 4 },
    nextRunAt: '2026-03-02T01:00:00.000Z',
  })
})

t.test('null takes away an interval and a key; a single run that has been is not run again', async t => {
  const [job] = await jobs.list()
  const id = job?.id ?? ''
  const keyed = await jobs.change(id, { settings: { encrypted: true, kmsKeyId: 'alias/a' } })
  t.equal(keyed.settings.kmsKeyId, 'alias/a')
  await t.rejects(jobs.change(id, { settings: { encrypted: false } }), { code: 'INVALID_REQUEST' })
  const plain = await jobs.change(id, { settings: { encrypted: false, kmsKeyId: null } })
  t.notOk('kmsKeyId' in plain.settings)
  const ahead = await jobs.change(id, { schedule: { everyHours: null } })
  t.notOk('everyHours' in ahead.schedule)
  t.match(ahead, { state: 'active', nextRunAt: '2026-03-02T01:00:00.000Z' }, 'it is still to run')
  await store.jobs.update(id, { schedule: { ...ahead.schedule, startAt: '2026-03-01T00:00:00Z' } })
  const served = await jobs.change(id, { schedule: { timeZone: 'Europe/Berlin' } })
  t.notOk('nextRunAt' in served)
  const revived = await jobs.change(id, { schedule: { startAt: '2026-03-02T01:00:00Z', everyHours: 4 } })
  t.match(revived, { state: 'active', nextRunAt: '2026-03-02T01:00:00.000Z' })
})

t.test('a limit that cannot be kept is refused, whether a job is made or changed', async t => {
  const bandwidth = { bytesPerSecond: -1, timetable: [] }
  await t.rejects(jobs.create({ serverIds: ['plain'], settings: { bandwidth } }), { code: 'POLICY_INVALID' })
  const [job] = await jobs.list()
  await t.rejects(jobs.change(job?.id ?? '', { settings: { bandwidth } }), { code: 'POLICY_INVALID' })
})

t.test('a job that the appliance paused counts failures anew when it is resumed', async t => {
  const [job] = await jobs.list()
  const id = job?.id ?? ''
  await store.jobs.update(id, { state: 'paused', failuresInARow: 5, pausedBecause: '5 runs failed' })
  t.match(await jobs.change(id, { settings: { retention: 4 } }), { state: 'paused', failuresInARow: 5 })
  const resumed = await jobs.change(id, { state: 'active' })
  t.match(resumed, { state: 'active', failuresInARow: 0, nextRunAt: '2026-03-02T01:00:00.000Z' })
  t.notOk('pausedBecause' in resumed)
})

t.test('a run is started by hand; while the connector is read-only nothing is made, started or deleted', async t => {
  const [job] = await jobs.list()
  const id = job?.id ?? ''
  await jobs.start(id)
  t.same(started, [`${id} manual`])
  active = false
  for (const refused of [() => jobs.start(id), () => jobs.remove(id), () => jobs.create({ serverIds: ['plain'] })])
    await t.rejects(async () => void (await refused()), { code: 'CONNECTOR_READ_ONLY', hint: /takes over/ })
  t.match(await jobs.change(id, { state: 'paused' }), { state: 'paused' }, 'but it can be held back')
  active = true
  t.match([started.length, cancelled.length], [1, 0])
  await t.rejects(jobs.start('none'), { code: 'NOT_FOUND' })
})

t.test('deleting a job cancels its run first, and lets the server have a new one', async t => {
  const [job] = await jobs.list()
  const id = job?.id ?? ''
  await jobs.remove(id)
  t.same(cancelled, [id])
  await t.rejects(jobs.get(id), { code: 'NOT_FOUND' })
  t.same(imagesRemoved, [], 'images stay unless they are to go')
  const { created } = await jobs.create({ serverIds: ['plain'] })
  t.equal(created.length, 1)
  await jobs.remove(created[0]?.id ?? '', { images: true })
  t.same(imagesRemoved, [created[0]?.id])
  t.equal((await jobs.create({ serverIds: ['plain'] })).created.length, 1)
})
