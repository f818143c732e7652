import t from 'tap'
import Value from 'typebox/value'
import { JobPatch } from '../../../appliance/api/schemas/jobs.ts'
import { draftOf, patchOf } from '../../../webui/jobs/job-edit.ts'
import { job } from '../samples.ts'

const window = { days: ['mon' as const], from: '08:00', to: '10:00' }
const made = job('j', {
  schedule: { startAt: '2026-01-01T00:00:00.000Z', everyHours: 6, timeZone: 'UTC', windows: [window] },
  settings: {
    licence: 'aws',
    imageMethod: 'converted',
    encrypted: true,
    kmsKeyId: 'alias/a',
    retention: 3,
    tags: { team: 'x' },
    bandwidth: { timetable: [] },
  },
})
const now = Date.parse('2026-06-01T00:00:00Z')

t.test('a job that was not changed has no patch', async t => {
  const before = draftOf(made, now)
  t.equal(patchOf(made, before, { ...before }), undefined)
})

t.test('a patch holds the changed half alone, with what no field shows', async t => {
  const before = draftOf(made, now)
  const hours = patchOf(made, before, { ...before, hours: '12' })
  t.match(hours, { schedule: { everyHours: 12, windows: [window] } })
  t.equal(hours?.settings, undefined)
  const kept = patchOf(made, before, { ...before, retention: '9' })
  t.match(kept, { settings: { retention: 9, bandwidth: { timetable: [] }, tags: { team: 'x' } } })
  t.equal(kept?.schedule, undefined)
  t.ok(Value.Check(JobPatch, hours) && Value.Check(JobPatch, kept))
})

t.test('a start that is still to come can be changed', async t => {
  const before = draftOf(job('j', { schedule: { startAt: '2026-06-02T00:00:00.000Z' } }), now)
  t.match(before, { when: 'later', repeat: 'once' })
  t.equal(new Date(before.startAt).toISOString(), '2026-06-02T00:00:00.000Z')
})
