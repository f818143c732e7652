// Jobs as operators handle them, on a real store.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { assess } from '../../appliance/catalog/assess.ts'
import { jobService } from '../../appliance/replication/jobs.ts'
import type { Runner } from '../../appliance/replication/runner.ts'
import { nextRun, validateSchedule } from '../../appliance/schedule/next-run.ts'
import { openStore } from '../../appliance/store/store.ts'
import { sampleServer } from '../store/samples.ts'

const directory = await mkdtemp(join(tmpdir(), 'hoist-jobs-'))
const store = await openStore(directory)
t.teardown(async () => {
  store.close()
  await rm(directory, { recursive: true, force: true })
})
const cancelled: string[] = []
const runner = { cancelJob: async (id: string) => void cancelled.push(id) } as unknown as Runner
const now = () => new Date('2026-03-01T10:00:00Z')
const jobs = jobService({ jobs: store.jobs, servers: store.servers, runner, assess, validateSchedule, nextRun, now })
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
  t.match(await jobs.change(id, { schedule: { everyHours: 4 } }), {
    state: 'active',
    schedule: { startAt: '2026-03-01T10:00:00.000Z', everyHours: 4 },
    nextRunAt: '2026-03-01T14:00:00.000Z',
  })
  t.match(await jobs.change(id, { schedule: { startAt: '2026-03-02T01:00:00Z' } }), {
    schedule: { startAt: '2026-03-02T01:00:00Z', everyHours: 4 },
    nextRunAt: '2026-03-02T01:00:00Z',
  })
})

t.test('deleting a job cancels its run first, and lets the server have a new one', async t => {
  const [job] = await jobs.list()
  const id = job?.id ?? ''
  await jobs.remove(id)
  t.same(cancelled, [id])
  await t.rejects(jobs.get(id), { code: 'NOT_FOUND' })
  t.equal((await jobs.create({ serverIds: ['plain'] })).created.length, 1)
})
