// Jobs over the API: made, refused one by one, changed, paused, and deleted while they run.
import t from 'tap'
import type { RunView } from '../../appliance/api/schemas/runs.ts'
import type { Job } from '../../appliance/domain.ts'
import { poll, startSite } from '../site.ts'
import { documentedCall } from './documented.ts'

const disks = [{ sizeBytes: 1 << 20 }]
const site = await startSite({
  vms: [
    { name: 'web01', disks },
    { name: 'web02', disks },
    { name: 'rdm01', disks: [{ sizeBytes: 1 << 20, rdm: 'physical' }] },
  ],
  aws: { timing: { stepMs: 20, settleMs: 0, completeMs: 20 } },
})
t.teardown(() => site.stop())
const { lab } = site
const call = documentedCall(site)
await site.setUp()
const [web01, web02, rdm01] = await Promise.all(['web01', 'web02', 'rdm01'].map(name => site.server(name)))
const later = { startAt: new Date(Date.now() + 86_400_000).toISOString() }

interface Made {
  created: Job[]
  refused: { serverId: string; code: string; hint: string }[]
}
const make = (serverIds: unknown[], more: object = { schedule: later }) =>
  call<Made>('POST', '/api/jobs', { serverIds, ...more })

async function makeOne(more?: object): Promise<Job> {
  const { body } = await make([web01?.id], more)
  const [job] = body.created
  if (!job) throw new Error(JSON.stringify(body))
  return job
}
const runsOf = async (job: Job) => (await call<{ items: RunView[] }>('GET', `/api/runs?jobId=${job.id}`)).body.items

t.test('jobs are made for those servers that can have one, and the others are refused by name', async t => {
  const { status, body } = await make([web01?.id, web02?.id, rdm01?.id, 'constructor'])
  t.equal(status, 201)
  t.same(body.created.map(job => job.serverName).sort(), ['web01', 'web02'])
  t.match(body.created[0], { state: 'active', nextRunAt: later.startAt, settings: { retention: 7, tags: {} } })
  t.match(body.refused, [
    { serverId: rdm01?.id, code: 'SERVER_REFUSED', hint: /./ },
    { serverId: 'constructor', code: 'NOT_FOUND' },
  ])
  t.match((await make([web01?.id])).body, { created: [], refused: [{ code: 'JOB_EXISTS' }] })
  t.equal((await call<{ items: Job[] }>('GET', '/api/jobs')).body.items.length, 2)
  for (const { id } of body.created) t.equal((await call('DELETE', `/api/jobs/${id}`)).status, 204)
})

t.test('two requests for one server at the same moment make one job', async t => {
  const answers = await Promise.all([1, 2, 3].map(() => make([web01?.id])))
  const created = answers.flatMap(({ body }) => body.created)
  t.equal(created.length, 1)
  t.same(
    answers.flatMap(({ body }) => body.refused.map(({ code }) => code)),
    ['JOB_EXISTS', 'JOB_EXISTS'],
  )
  await call('DELETE', `/api/jobs/${created[0]?.id}`)
})

t.test('bad requests are refused whole, and nothing is made', async t => {
  const tags = (extra: Record<string, string>) => ({ schedule: later, settings: { tags: extra } })
  const bad: [unknown, RegExp][] = [
    [{ schedule: { startAt: '2026-02-30T00:00:00Z' } }, /SCHEDULE_INVALID/],
    [{ schedule: { startAt: 'tomorrow' } }, /SCHEDULE_INVALID/],
    [{ schedule: { startAt: '2199-01-01T00:00:00Z' } }, /SCHEDULE_INVALID/],
    [{ schedule: { startAt: '2020-01-01T00:00:00Z' } }, /SCHEDULE_INVALID/],
    [{ schedule: { everyHours: 0 } }, /INVALID_REQUEST/],
    [{ schedule: { everyHours: 25 } }, /INVALID_REQUEST/],
    [{ settings: { retention: 271 } }, /INVALID_REQUEST/],
    [{ settings: { licence: 'free' } }, /INVALID_REQUEST/],
    [{ settings: { kmsKeyId: 'alias/x' } }, /not encrypted/],
    [{ settings: { kmsKeyId: 'a\nb', encrypted: true } }, /INVALID_REQUEST/],
    [tags({ 'aws:x': 'y' }), /INVALID_REQUEST/],
    [tags({ 'AWS:x': 'y' }), /INVALID_REQUEST/],
    [tags({ 'hoist:run': 'y' }), /INVALID_REQUEST/],
    [tags({ '': 'y' }), /INVALID_REQUEST/],
    [tags({ 'a\tb': 'y' }), /INVALID_REQUEST/],
    [tags({ ['k'.repeat(129)]: 'y' }), /INVALID_REQUEST/],
    [tags({ x: 7 as never }), /INVALID_REQUEST/],
    [tags({ x: 'a\u0000b' }), /INVALID_REQUEST/],
    [tags({ x: 'a\ud800b' }), /INVALID_REQUEST/],
    [tags({ x: 'y'.repeat(257) }), /INVALID_REQUEST/],
    [tags(Object.fromEntries(Array.from({ length: 41 }, (_, index) => [`k${index}`, 'v']))), /INVALID_REQUEST/],
    [{ colour: 'green' }, /INVALID_REQUEST/],
  ]
  for (const [more, wanted] of bad) {
    const { status, body } = await call('POST', '/api/jobs', { serverIds: [web01?.id], ...(more as object) })
    t.equal(status, 400, JSON.stringify(more).slice(0, 80))
    t.match(JSON.stringify(body), wanted)
  }
  for (const serverIds of [[], [''], ['../x'], [web01?.id, web01?.id], [7], 'web01', null, Array(1001).fill('x')])
    t.equal((await make(serverIds as unknown[])).status, 400)
  t.same((await call<{ items: Job[] }>('GET', '/api/jobs')).body.items, [])
})

t.test('odd but legal names of tags are kept as they are', async t => {
  const tags = { constructor: 'a', toString: 'b', 'Größe 💾': '∞ 💾', ' ': '' }
  const job = await makeOne({ schedule: later, settings: { tags } })
  t.same((await call<Job>('GET', `/api/jobs/${job.id}`)).body.settings.tags, tags)
  await call('DELETE', `/api/jobs/${job.id}`)
})

t.test('a change replaces what it names; a bad one changes nothing', async t => {
  const job = await makeOne()
  const patch = (body: unknown) => call<Job>('PATCH', `/api/jobs/${job.id}`, body)
  t.match((await patch({ settings: { retention: 3 } })).body, { settings: { retention: 3, licence: 'auto' } })
  t.match((await patch({ state: 'paused' })).body, { state: 'paused', settings: { retention: 3 } })
  const everyHours = 4
  t.match((await patch({ schedule: { ...later, everyHours }, state: 'paused' })).body, {
    state: 'paused',
    schedule: { everyHours },
    nextRunAt: later.startAt,
  })
  const once = await patch({ schedule: { everyHours: null }, state: 'paused' })
  t.match(once.body, { state: 'paused', nextRunAt: later.startAt })
  t.notOk('everyHours' in once.body.schedule)
  const before = await call('GET', `/api/jobs/${job.id}`)
  for (const bad of [
    { schedule: { everyHours: 0 } },
    { settings: { retention: null } },
    {},
    { state: 'ended' },
    { id: 'x' },
    { serverId: 'x' },
    { schedule: { startAt: 'x' } },
    [],
    null,
    7,
  ])
    t.equal((await patch(bad)).status, 400, JSON.stringify(bad))
  t.same(await call('GET', `/api/jobs/${job.id}`), before)
  t.match(await call('PATCH', '/api/jobs/none', { state: 'active' }), { status: 404 })
  await call('DELETE', `/api/jobs/${job.id}`)
})

t.test('a paused job does not run when it is due, and runs once it is resumed', async t => {
  const job = await makeOne()
  const now = new Date().toISOString()
  await call('PATCH', `/api/jobs/${job.id}`, { state: 'paused', schedule: { startAt: now } })
  await new Promise(resolve => setTimeout(resolve, 300)) // several looks of the scheduler
  t.same(await runsOf(job), [])
  await call('PATCH', `/api/jobs/${job.id}`, { state: 'active' })
  const run = await poll(async () => (await runsOf(job))[0])
  t.match(await site.until(run.id, ({ endedAt }) => endedAt !== undefined), { state: 'succeeded' })
  await call('DELETE', `/api/jobs/${job.id}`)
})

t.test('a job is paused and resumed by name of the verb, as often as is asked', async t => {
  const job = await makeOne()
  const ask = (verb: string) => call<Job>('POST', `/api/jobs/${job.id}/${verb}`)
  for (const verb of ['pause', 'pause', 'resume', 'resume']) {
    const state = verb === 'pause' ? 'paused' : 'active'
    t.match(await ask(verb), { status: 200, body: { state } }, verb)
  }
  t.match(await call('POST', '/api/jobs/none/pause'), { status: 404, body: { code: 'NOT_FOUND' } })
  await call('DELETE', `/api/jobs/${job.id}`)
})

t.test('zone, windows and bandwidth of a job are kept as given, and unknown zones are refused', async t => {
  const windows = [{ days: ['mon', 'sun'], from: '22:00', to: '06:00' }]
  const schedule = { ...later, everyHours: 24, timeZone: 'Europe/Berlin', whenMissed: 'run', windows }
  const bandwidth = { bytesPerSecond: 1_000_000, timetable: [{ window: windows[0], bytesPerSecond: null }] }
  const job = await makeOne({ schedule, settings: { bandwidth } })
  t.match((await call<Job>('GET', `/api/jobs/${job.id}`)).body, {
    schedule,
    settings: { bandwidth },
    failuresInARow: 0,
  })
  const moved = await call('PATCH', `/api/jobs/${job.id}`, { schedule: { timeZone: 'Europe/Atlantis' } })
  t.match(moved, { status: 400, body: { code: 'SCHEDULE_INVALID' } })
  const lifted = await call<Job>('PATCH', `/api/jobs/${job.id}`, { settings: { bandwidth: { timetable: [] } } })
  t.same(lifted.body.settings.bandwidth, { timetable: [] })
  await call('DELETE', `/api/jobs/${job.id}`)
})

t.test('a job deleted in the middle of its run cancels it, and nothing is left on either side', async t => {
  const job = await makeOne()
  const { id: hold } = await lab.awsControl<{ id: number }>('POST', '/faults', {
    service: 'ec2',
    operation: 'DescribeImportSnapshotTasks',
    kind: 'hold',
    times: -1,
  })
  const { status, body: run } = await call<RunView>('POST', `/api/jobs/${job.id}/runs`)
  t.equal(status, 202)
  t.match(await call('POST', `/api/jobs/${job.id}/runs`), { status: 409, body: { code: 'RUN_IN_PROGRESS' } })
  await site.until(run.id, ({ state }) => state === 'converting')
  t.match(await call('DELETE', '/api/registration'), { status: 409, body: { code: 'RUN_IN_PROGRESS' } })
  const deleted = call('DELETE', `/api/jobs/${job.id}`)
  await lab.awsControl('DELETE', `/faults/${hold}`)
  t.equal((await deleted).status, 204)
  t.match((await call<RunView>('GET', `/api/runs/${run.id}`)).body, {
    state: 'cancelled',
    failure: { code: 'RUN_CANCELLED' },
    disks: [{ objectDeleted: true }],
  })
  t.match(await call('GET', `/api/jobs/${job.id}`), { status: 404 })
  const { snapshots } = await lab.vcenterControl<{ snapshots: Record<string, unknown[]> }>('GET', '/state')
  t.same(Object.values(snapshots).flat(), [])
})

t.test('settings entered anew in the middle of a run do not disturb it', async t => {
  const job = await makeOne()
  const { id: hold } = await lab.vcenterControl<{ id: number }>('POST', '/faults', {
    kind: 'hold',
    method: 'ExportSnapshot',
  })
  const { body: run } = await call<RunView>('POST', `/api/jobs/${job.id}/runs`)
  await site.until(run.id, ({ vmSnapshotMoref }) => vmSnapshotMoref !== undefined)
  t.equal((await call('PUT', '/api/settings/vcenter', site.vcenterBody())).status, 200)
  t.equal((await call('PUT', '/api/settings/aws', site.awsBody())).status, 200)
  await lab.vcenterControl('DELETE', `/faults/${hold}`)
  t.match(await site.until(run.id, ({ endedAt }) => endedAt !== undefined), { state: 'succeeded' })
  const { snapshots } = await lab.vcenterControl<{ snapshots: Record<string, unknown[]> }>('GET', '/state')
  t.same(Object.values(snapshots).flat(), [])
  await call('DELETE', `/api/jobs/${job.id}`)
})
