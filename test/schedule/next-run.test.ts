// When a job runs next: examples, rules on random schedules, and what a schedule may not be.
import t from 'tap'
import { nextRun, validateSchedule } from '../../appliance/schedule/next-run.ts'
import { seeded } from '../store/samples.ts'

const hourMs = 3_600_000
const at = (text: string) => new Date(text)
const startAt = '2026-03-01T02:00:00Z'

t.test('a single run is due at its start, however late, and never again once it has started', async t => {
  const schedule = { startAt }
  t.strictSame(nextRun(schedule, { now: at('2026-02-01T00:00:00Z') }), at(startAt))
  t.strictSame(nextRun(schedule, { now: at('2026-04-01T00:00:00Z') }), at(startAt))
  t.equal(nextRun(schedule, { now: at('2026-03-01T02:00:01Z'), lastStartedAt: at(startAt) }), undefined)
})

t.test('a manual run before the start does not use the schedule up', async t => {
  const lastStartedAt = at('2026-02-27T00:00:00Z')
  for (const schedule of [{ startAt }, { startAt, everyHours: 6 }])
    t.strictSame(nextRun(schedule, { now: at('2026-02-27T01:00:00Z'), lastStartedAt }), at(startAt))
})

t.test('runs repeat at their anchors, not at an interval after the last start', async t => {
  const schedule = { startAt, everyHours: 6 }
  const next = (now: string, last: string) => nextRun(schedule, { now: at(now), lastStartedAt: at(last) })
  t.strictSame(next('2026-03-01T02:00:05Z', '2026-03-01T02:00:05Z'), at('2026-03-01T08:00:00Z'))
  t.strictSame(next('2026-03-01T05:17:00Z', '2026-03-01T05:00:00Z'), at('2026-03-01T08:00:00Z'), 'after a manual run')
  t.strictSame(next('2026-03-01T08:00:00Z', '2026-03-01T08:00:00Z'), at('2026-03-01T14:00:00Z'), 'exactly at an anchor')
})

t.test('a run that overlaps its next time goes to the interval after', async t => {
  const progress = { now: at('2026-03-01T15:30:00Z'), lastStartedAt: at(startAt) }
  t.strictSame(nextRun({ startAt, everyHours: 6 }, progress), at('2026-03-01T20:00:00Z'))
})

t.test('hours are elapsed hours: a change to daylight saving time moves nothing', async t => {
  const schedule = { startAt: '2026-03-28T02:00:00+01:00', everyHours: 24 }
  const progress = { now: at('2026-03-29T20:00:00Z'), lastStartedAt: at('2026-03-29T01:00:00Z') }
  t.strictSame(nextRun(schedule, progress), at('2026-03-30T01:00:00Z'))
})

t.test('a clock that was set back does not repeat a run', async t => {
  const progress = { now: at('2026-03-01T07:00:00Z'), lastStartedAt: at('2026-03-01T08:00:01Z') }
  t.strictSame(nextRun({ startAt, everyHours: 6 }, progress), at('2026-03-01T14:00:00Z'))
})

t.test('random schedules: the next run is the first anchor after now and after the last start', async t => {
  const seed = 1971
  const chance = seeded(seed)
  let wrong = 0
  for (let trial = 0; trial < 5000; trial++) {
    const start = Date.UTC(2026, 0, 1) + chance(1e9) * 10
    const everyHours = 1 + chance(24)
    const last = start + chance(1e9)
    const now = start + chance(2e9)
    const next = nextRun(
      { startAt: new Date(start).toISOString(), everyHours },
      { now: new Date(now), lastStartedAt: new Date(last) },
    )?.getTime()
    const intervalMs = everyHours * hourMs
    const after = Math.max(now, last)
    const right = next !== undefined && next > after && next - intervalMs <= after && (next - start) % intervalMs === 0
    if (!right) wrong++
  }
  t.equal(wrong, 0, `seed ${seed}`)
})

t.test('random lives of a job: run starts are strictly later each time and always on an anchor', async t => {
  const seed = 2026
  const chance = seeded(seed)
  const start = Date.parse(startAt)
  for (let life = 0; life < 50; life++) {
    const schedule = { startAt, everyHours: 1 + chance(24) }
    let now = start - chance(10) * hourMs
    let last: number | undefined
    for (let run = 0; run < 50; run++) {
      const due = nextRun(schedule, {
        now: new Date(now),
        lastStartedAt: last === undefined ? undefined : new Date(last),
      })
      if (!due || (last !== undefined && due.getTime() <= last)) return t.fail(`seed ${seed}, life ${life}, run ${run}`)
      last = Math.max(due.getTime(), now)
      now = last + chance(40 * hourMs)
    }
  }
  t.pass()
})

t.test('starts up to 30 days ahead or a day past, in any zone, and 1 to 24 whole hours are taken', async t => {
  const now = at('2026-03-01T00:00:00Z')
  for (const start of [
    '2026-03-31T00:00:00Z',
    '2026-02-28T00:00:00Z',
    '2026-03-01T00:00Z',
    '2026-03-05T09:30:00.5+05:30',
  ])
    t.doesNotThrow(() => validateSchedule({ startAt: start }, now), start)
  for (const everyHours of [1, 6, 24]) t.doesNotThrow(() => validateSchedule({ startAt, everyHours }, now))
})

t.test('anything else is refused by name', async t => {
  const now = at('2026-03-01T00:00:00Z')
  const starts = [
    '2026-03-31T00:00:01Z',
    '2026-02-27T23:59:59Z',
    '2026-03-05T09:30:00',
    '2026-03-05',
    '2026-02-30T00:00:00Z',
    '2026-03-05T25:00:00Z',
    '2026-13-05T00:00:00Z',
    '2026-03-05T00:00:00+99:00',
    'tomorrow',
    '',
  ]
  for (const start of starts)
    t.throws(() => validateSchedule({ startAt: start }, now), { code: 'SCHEDULE_INVALID' }, start)
  for (const everyHours of [0, -1, 25, 1.5, Number.NaN])
    t.throws(() => validateSchedule({ startAt, everyHours }, now), { code: 'SCHEDULE_INVALID' }, String(everyHours))
})
