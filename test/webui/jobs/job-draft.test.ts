import t from 'tap'
import Value from 'typebox/value'
import { JobsBody } from '../../../appliance/api/schemas/jobs.ts'
import { bodyOf, errorsOf, firstDraft, isLimited, type JobDraft } from '../../../webui/jobs/job-draft.ts'
import { newWindow } from '../../../webui/ui/window-draft.ts'

const now = Date.parse('2026-01-01T12:00:00Z')
const draft = (changes: Partial<JobDraft> = {}): JobDraft => ({ ...firstDraft('Europe/Berlin'), ...changes })

t.test('what a draft sends is what the API takes', async t => {
  const drafts = [
    draft(),
    draft({ when: 'later', startAt: '2026-01-02T08:00', repeat: 'every', hours: '6', whenMissed: 'run' }),
    draft({ encrypted: false, kmsKeyId: 'left over', tags: [{ key: 'team', value: 'a b' }] }),
    draft({ kmsKeyId: ' alias/backup ' }),
    draft({
      windows: [{ window: newWindow() }],
      bandwidth: { limit: '20', timetable: [{ window: newWindow(), limit: '' }] },
    }),
  ]
  for (const one of drafts) t.ok(Value.Check(JobsBody, bodyOf(one, ['id-a'])), JSON.stringify(bodyOf(one, ['id-a'])))
  t.equal(bodyOf(draft({ encrypted: false, kmsKeyId: 'left over' }), []).settings?.kmsKeyId, undefined)
  t.equal(bodyOf(draft({ kmsKeyId: ' alias/backup ' }), []).settings?.kmsKeyId, 'alias/backup')
  t.strictSame(bodyOf(draft(), []).schedule, { whenMissed: 'run', timeZone: 'Europe/Berlin' })
  t.notOk('bandwidth' in (bodyOf(draft(), []).settings ?? {}))
  const limited = bodyOf(drafts.at(-1) as JobDraft, [])
  t.strictSame(limited.schedule?.windows, [newWindow()])
  t.strictSame(limited.settings?.bandwidth, {
    bytesPerSecond: 20 * 2 ** 20,
    timetable: [{ window: newWindow(), bytesPerSecond: null }],
  })
  t.notOk(isLimited(draft().bandwidth))
})

t.test('each step refuses what the API would refuse', async t => {
  const wrong = (step: Parameters<typeof errorsOf>[0], changes: Partial<JobDraft>, usable = 1) =>
    Object.keys(errorsOf(step, draft(changes), usable, now))
  t.strictSame(wrong('servers', {}, 0), ['servers'])
  t.strictSame(wrong('servers', {}, 1001), ['servers'])
  t.strictSame(wrong('schedule', { when: 'later' }), ['startAt'])
  t.strictSame(wrong('schedule', { when: 'later', startAt: '2020-01-01T00:00' }), ['startAt'])
  t.strictSame(wrong('schedule', { when: 'later', startAt: '2026-03-01T00:00' }), ['startAt'])
  for (const hours of ['0', '25', '1.5', '', 'x'])
    t.strictSame(wrong('schedule', { repeat: 'every', hours }), ['hours'], hours)
  for (const timeZone of ['', 'Europe/Atlantis', 'x y']) t.strictSame(wrong('schedule', { timeZone }), ['timeZone'])
  t.strictSame(wrong('schedule', { timeZone: 'UTC' }), [])
  t.strictSame(wrong('schedule', { windows: [{ window: { ...newWindow(), days: [] } }] }), ['windows'])
  t.strictSame(wrong('schedule', { bandwidth: { limit: 'fast', timetable: [] } }), ['bandwidth'])
  for (const retention of ['0', '271', '']) t.strictSame(wrong('image', { retention }), ['retention'])
  for (const key of ['', 'aws:x', 'hoist:job', 'k'.repeat(129)])
    t.strictSame(wrong('image', { tags: [{ key, value: '' }] }), ['tags'])
  t.strictSame(wrong('schedule', { when: 'later', startAt: '2026-01-20T00:00', repeat: 'every', hours: '24' }), [])
})
