import t from 'tap'
import Value from 'typebox/value'
import { JobPatch } from '../../../appliance/api/schemas/jobs.ts'
import type { JobDraft } from '../../../webui/jobs/job-draft.ts'
import { draftOf, hasBegun, patchOf } from '../../../webui/jobs/job-edit.ts'
import { job } from '../samples.ts'

const window = { days: ['mon' as const], from: '08:00', to: '10:00' }
const bandwidth = { bytesPerSecond: 2 ** 20, timetable: [{ window, bytesPerSecond: null }] }
const made = job('j', {
  schedule: { startAt: '2026-01-01T00:00:00.000Z', everyHours: 6, timeZone: 'UTC', windows: [window] },
  settings: {
    licence: 'aws',
    imageMethod: 'converted',
    encrypted: true,
    kmsKeyId: 'alias/a',
    retention: 3,
    tags: { team: 'x' },
    bandwidth,
  },
})
const now = Date.parse('2026-06-01T00:00:00Z')

/** The patch of these changes, which the API takes. */
function patched(changes: Partial<JobDraft>, of = made) {
  const before = draftOf(of, now)
  const patch = patchOf(of, before, { ...before, ...changes }, now)
  if (patch && !Value.Check(JobPatch, patch)) throw new Error(`The API would refuse ${JSON.stringify(patch)}`)
  return patch
}

t.test('a job that was not changed has no patch', async t => {
  t.equal(patched({}), undefined)
  t.equal(patched({}, job('k')), undefined, 'not even one without anything')
})

t.test('a patch holds the changed half alone, and keeps the rest of it', async t => {
  t.strictSame(patched({ hours: '12' }), {
    schedule: { everyHours: 12, whenMissed: 'skip', timeZone: 'UTC', windows: [window] },
  })
  const kept = patched({ retention: '9' })
  t.match(kept, { settings: { retention: 9, bandwidth, tags: { team: 'x' }, kmsKeyId: 'alias/a' } })
  t.equal(kept?.schedule, undefined)
})

t.test('what is taken away is said: what is absent would stay', async t => {
  t.match(patched({ repeat: 'once' }), { schedule: { everyHours: null } })
  t.match(patched({ windows: [] }), { schedule: { windows: [] } })
  t.match(patched({ bandwidth: { limit: '', timetable: [] } }), { settings: { bandwidth: { timetable: [] } } })
  t.match(patched({ kmsKeyId: '' }), { settings: { encrypted: true, kmsKeyId: null } })
  t.match(patched({ encrypted: false }), { settings: { encrypted: false, kmsKeyId: null } })
})

t.test('a start that is still to come can be changed, or be now; unless it is, it is not given', async t => {
  const ahead = job('j', { schedule: { startAt: '2026-06-02T00:00:30.000Z' } })
  const before = draftOf(ahead, now)
  t.match(before, { when: 'later', repeat: 'once', whenMissed: 'run' })
  t.equal(new Date(before.startAt).toISOString(), '2026-06-02T00:00:00.000Z')
  t.notOk(hasBegun(ahead, now))
  t.notOk('startAt' in (patched({ repeat: 'every' }, ahead)?.schedule ?? {}))
  t.match(patched({ when: 'now' }, ahead), { schedule: { startAt: new Date(now).toISOString() } })
  const moved = patched({ startAt: '2026-06-03T00:00' }, ahead)
  t.equal(moved?.schedule?.startAt, new Date('2026-06-03T00:00').toISOString())
})

t.test('a paused job stays paused when its schedule is changed', async t => {
  t.match(patched({ hours: '12' }, { ...made, state: 'paused' }), { state: 'paused' })
  t.notOk('state' in (patched({ retention: '9' }, { ...made, state: 'paused' }) ?? {}))
})
