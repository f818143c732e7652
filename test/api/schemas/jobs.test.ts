// Which jobs the API takes.
import t from 'tap'
import Value from 'typebox/value'
import { JobPatch, JobsBody, JobView } from '../../../appliance/api/schemas/jobs.ts'
import type { Job } from '../../../appliance/domain.ts'
import { sampleJob } from '../../store/samples.ts'

const serverIds = ['a']

t.test('intervals are 1 to 24 whole hours, retention 1 to 270', async t => {
  for (const everyHours of [1, 24]) t.ok(Value.Check(JobsBody, { serverIds, schedule: { everyHours } }))
  for (const everyHours of [0, 25, 1.5, '2']) t.notOk(Value.Check(JobsBody, { serverIds, schedule: { everyHours } }))
  for (const retention of [1, 270]) t.ok(Value.Check(JobsBody, { serverIds, settings: { retention } }))
  for (const retention of [0, 271]) t.notOk(Value.Check(JobsBody, { serverIds, settings: { retention } }))
})

t.test("tags may not take AWS's or our own names", async t => {
  t.ok(Value.Check(JobsBody, { serverIds, settings: { tags: { 'cost centre': '7' } } }))
  for (const name of ['aws:x', 'hoist:run', '', 'x'.repeat(129)]) {
    t.notOk(Value.Check(JobsBody, { serverIds, settings: { tags: { [name]: 'v' } } }), name)
  }
})

t.test('servers are named once each, and at least one', async t => {
  t.notOk(Value.Check(JobsBody, { serverIds: [] }))
  t.notOk(Value.Check(JobsBody, { serverIds: ['a', 'a'] }))
  t.notOk(Value.Check(JobsBody, { serverIds: ['../etc'] }))
})

t.test('a change must change something', async t => {
  t.notOk(Value.Check(JobPatch, {}))
  t.ok(Value.Check(JobPatch, { state: 'paused' }))
  t.notOk(Value.Check(JobPatch, { state: 'ended' }))
})

t.test('a change takes an interval and a key away by null; a new job has no such word', async t => {
  t.ok(Value.Check(JobPatch, { schedule: { everyHours: null }, settings: { kmsKeyId: null } }))
  t.notOk(Value.Check(JobPatch, { schedule: { everyHours: 0 } }))
  t.notOk(Value.Check(JobPatch, { settings: { retention: null } }))
  t.notOk(Value.Check(JobsBody, { serverIds, schedule: { everyHours: null } }))
  t.notOk(Value.Check(JobsBody, { serverIds, settings: { kmsKeyId: null } }))
})

t.test('a schedule has a zone, windows and a rule for missed runs, each of its form', async t => {
  const window = { days: ['mon', 'fri'], from: '22:00', to: '05:30' }
  const good = [{ timeZone: 'Europe/Berlin' }, { whenMissed: 'run' }, { windows: [window] }, { windows: [] }]
  for (const schedule of good) t.ok(Value.Check(JobsBody, { serverIds, schedule }), JSON.stringify(schedule))
  const bad = [{ timeZone: '' }, { whenMissed: 'later' }, { windows: [{ ...window, to: '5:30' }] }, { windows: null }]
  for (const schedule of bad) t.notOk(Value.Check(JobPatch, { schedule }), JSON.stringify(schedule))
})

t.test('a job may have a bandwidth of its own', async t => {
  t.ok(Value.Check(JobPatch, { settings: { bandwidth: { bytesPerSecond: 1_000_000, timetable: [] } } }))
  t.ok(Value.Check(JobPatch, { settings: { bandwidth: { timetable: [] } } }), 'lifted again')
  t.notOk(Value.Check(JobPatch, { settings: { bandwidth: { bytesPerSecond: 1 } } }))
})

t.test('a job of the domain, with all that it may have, is what the API shows', async t => {
  const bandwidth = { bytesPerSecond: 1_000_000, timetable: [] }
  const windows = [{ days: ['sun' as const], from: '00:00', to: '24:00' }]
  const job = sampleJob(1, { failuresInARow: 5, pausedBecause: 'It failed 5 times', state: 'paused' })
  const full: Required<Job> = {
    ...{ nextRunAt: job.createdAt, lastPlannedAt: job.createdAt, countedRunId: 'run-1', pausedBecause: '', ...job },
    schedule: { startAt: job.createdAt, everyHours: 2, timeZone: 'UTC', whenMissed: 'skip', windows },
    settings: { ...job.settings, kmsKeyId: 'alias/x', bandwidth },
  }
  t.ok(Value.Check(JobView, full), JSON.stringify([...Value.Errors(JobView, full)]))
})
