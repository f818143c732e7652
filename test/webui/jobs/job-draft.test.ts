import t from 'tap'
import Value from 'typebox/value'
import { JobsBody } from '../../../appliance/api/schemas/jobs.ts'
import { bodyOf, errorsOf, firstDraft, type JobDraft, wordsOf } from '../../../webui/jobs/job-draft.ts'
import { toRow } from '../../../webui/servers/server-rows.ts'
import { server } from '../samples.ts'

const now = Date.parse('2026-01-01T12:00:00Z')
const draft = (changes: Partial<JobDraft> = {}): JobDraft => ({ ...firstDraft('Europe/Berlin'), ...changes })

t.test('what a draft sends is what the API takes', async t => {
  const drafts = [
    draft(),
    draft({ when: 'later', startAt: '2026-01-02T08:00', repeat: 'every', hours: '6', whenMissed: 'run' }),
    draft({ encrypted: false, kmsKeyId: 'left over', tags: [{ key: 'team', value: 'a b' }] }),
    draft({ kmsKeyId: ' alias/backup ' }),
  ]
  for (const one of drafts) t.ok(Value.Check(JobsBody, bodyOf(one, ['id-a'])), JSON.stringify(bodyOf(one, ['id-a'])))
  t.equal(bodyOf(draft({ encrypted: false, kmsKeyId: 'left over' }), []).settings?.kmsKeyId, undefined)
  t.equal(bodyOf(draft({ kmsKeyId: ' alias/backup ' }), []).settings?.kmsKeyId, 'alias/backup')
  t.equal(bodyOf(draft(), []).schedule?.everyHours, undefined)
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
  for (const retention of ['0', '271', '']) t.strictSame(wrong('image', { retention }), ['retention'])
  for (const key of ['', 'aws:x', 'hoist:job', 'k'.repeat(129)])
    t.strictSame(wrong('image', { tags: [{ key, value: '' }] }), ['tags'])
  t.strictSame(wrong('schedule', { when: 'later', startAt: '2026-01-20T00:00', repeat: 'every', hours: '24' }), [])
})

t.test('the review says in words what will happen', async t => {
  const rows = Array.from({ length: 7 }, (_, index) => toRow(server(`web0${index}`)))
  const words = wordsOf(draft({ repeat: 'every', hours: '6', imageMethod: 'converted', licence: 'byol' }), rows)
  t.equal(words[0], '7 servers: web00, web01, web02, web03, web04, and 2 more.')
  t.ok(words.includes('It is a full run: 112 GiB to read from 7 disks. Empty space is read but not sent.'))
  t.ok(words.includes('After that it runs every 6 hours.'))
  t.ok(words.some(sentence => sentence.includes('Bring your own licence')))
})
