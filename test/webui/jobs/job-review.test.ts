import t from 'tap'
import type { Policy } from '../../../webui/contract.ts'
import { firstDraft, type JobDraft } from '../../../webui/jobs/job-draft.ts'
import { reviewOf } from '../../../webui/jobs/job-review.ts'
import { toRow } from '../../../webui/servers/server-rows.ts'
import { newWindow } from '../../../webui/ui/window-draft.ts'
import { server } from '../samples.ts'

const draft = (changes: Partial<JobDraft> = {}): JobDraft => ({ ...firstDraft('Europe/Berlin'), ...changes })
const rows = (count: number) => Array.from({ length: count }, (_, index) => toRow(server(`web${index + 1}`)))
const policy: Policy = {
  timeZone: 'UTC',
  bandwidth: { timetable: [] },
  blackouts: [],
  datastoreFloor: { percent: 10, bytes: 0 },
  pauseAfterFailures: 0,
  snapshotAgeHours: 24,
}
const sentences = (...given: Parameters<typeof reviewOf>) => reviewOf(...given).flatMap(group => group.sentences)

t.test('one, two and three hundred servers are spoken of rightly', async t => {
  const opening = (count: number) => sentences(draft(), rows(count), undefined)
  t.match(opening(1), [
    '1 server: web1.',
    'It is a full run: 16 GiB to read from 1 disk. Empty space is read but not sent.',
    /snapshot of the server/,
    'The first run begins as soon as the job is made.',
    'It runs once.',
  ])
  t.match(opening(2), [
    '2 servers: web1, web2.',
    'Each is a full run: 32 GiB to read from 2 servers with 2 disks. Empty space is read but not sent.',
    /snapshot of the server/,
    'The first runs begin as soon as the jobs are made.',
    'Each runs once.',
  ])
  t.match(opening(300), [
    '300 servers: web1, web2, web3, web4, web5, and 295 more.',
    /^Each is a full run: 4\.7 TiB to read from 300 servers with 300 disks\./,
  ])
})

t.test('schedule, windows and limits are said with the zone that they hold in', async t => {
  const window = { window: { ...newWindow(), from: '20:00', to: '06:00' } }
  const said = sentences(
    draft({
      ...{ when: 'later', startAt: '2026-01-02T08:00', repeat: 'every', hours: '6', whenMissed: 'skip' },
      ...{ windows: [window], bandwidth: { limit: '20', timetable: [{ ...window, limit: '' }] } },
    }),
    rows(2),
    undefined,
  )
  t.ok(
    said.some(one => /^The first runs begin at 2 Jan 2026, 08:00 .+\. If no window is open then, they wait/.test(one)),
  )
  for (const one of [
    'After that every 6 hours, by the clock of Europe/Berlin.',
    'Runs begin in these windows only: Mon–Fri 20:00–06:00 (Europe/Berlin).',
    'A run that is missed while the appliance is off is left out.',
    'Bandwidth of each server: 20 MiB/s; Mon–Fri 20:00–06:00: No limit.',
  ])
    t.ok(said.includes(one), one)
})

t.test('what the policy adds is said as its own', async t => {
  const strict: Policy = {
    ...policy,
    bandwidth: { bytesPerSecond: 2 ** 20, timetable: [] },
    blackouts: [
      { window: newWindow(), holdTransfers: true },
      { window: { ...newWindow(), days: ['sun'] }, holdTransfers: false },
    ],
    pauseAfterFailures: 5,
  }
  const added = sentences(draft(), rows(1), strict).filter(one => one.startsWith('By the policy'))
  t.strictSame(added, [
    'By the policy no run begins Mon–Fri 08:00–18:00 (UTC), and transfers under way wait.',
    'By the policy no run begins Sun 08:00–18:00 (UTC).',
    'By the policy, bandwidth of all jobs together: 1 MiB/s.',
    'By the policy a job is paused after 5 failures in a row.',
  ])
  t.notOk(sentences(draft(), rows(1), policy).some(one => one.startsWith('By the policy')))
})

t.test('the image is said as it will be', async t => {
  const said = sentences(
    draft({ imageMethod: 'converted', licence: 'byol', retention: '1', encrypted: false }),
    rows(1),
    policy,
  )
  t.ok(said.some(one => one.includes('Bring your own licence')))
  t.ok(said.includes('Only the newest image of each server is kept.'))
  t.ok(said.some(one => one.includes('not encrypted')))
  const keyed = sentences(draft({ kmsKeyId: ' alias/a ', tags: [{ key: 'team', value: 'x' }] }), rows(1), policy)
  t.ok(keyed.includes('Snapshots and images are encrypted with alias/a.'))
  t.ok(keyed.includes('They are tagged with team=x.'))
})
