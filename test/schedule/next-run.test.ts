// When a job runs next: examples, random schedules against a walk through every minute, and what a schedule may not be.
import t from 'tap'
import type { Schedule, WeeklyWindow } from '../../appliance/domain.ts'
import {
  firstRun,
  missedRuns,
  nextRun,
  place,
  resumedRun,
  validateSchedule,
} from '../../appliance/schedule/next-run.ts'
import { isInside } from '../../appliance/schedule/weekly-window.ts'
import {
  chanceOf,
  insideByTable,
  instantOf,
  rowOf,
  shownAt,
  tablesAroundChanges,
  type WallTable,
} from './wall-table.ts'

const hourMs = 3_600_000
const at = (text: string) => new Date(text)
const startAt = '2026-03-01T02:00:00Z'
const weekends: WeeklyWindow = { days: ['sat', 'sun'], from: '20:00', to: '04:00' }

/** The runs after an instant, each planned when the one before is served. */
function runsAfter(schedule: Schedule, after: string, count: number, jobId?: string): string[] {
  const runs: string[] = []
  let now = at(after)
  for (let run = 0; run < count; run++) {
    const next = nextRun(schedule, { now, servedAt: now, ...(jobId ? { jobId } : {}) })
    if (!next) break
    runs.push(next.toISOString().replace(':00.000Z', 'Z'))
    now = next
  }
  return runs
}

t.test('the first run is at the start that the user gave, or when the windows open after it', async t => {
  t.strictSame(firstRun({ startAt }), at(startAt))
  t.strictSame(firstRun({ startAt, everyHours: 6, windows: [weekends] }), at(startAt), 'Sunday, still open')
  t.strictSame(firstRun({ startAt: '2026-03-02T05:00:00Z', windows: [weekends] }), at('2026-03-07T20:00:00Z'))
  const berlin = { startAt: '2026-03-02T05:00:00Z', windows: [weekends], timeZone: 'Europe/Berlin' }
  t.strictSame(firstRun(berlin), at('2026-03-07T19:00:00Z'))
})

t.test('a start that lies ahead is the next run, as long as it has not been served', async t => {
  for (const schedule of [{ startAt }, { startAt, everyHours: 6 }]) {
    t.strictSame(nextRun(schedule, { now: at('2026-02-27T01:00:00Z'), jobId: 'a' }), at(startAt))
    const served = { now: at('2026-02-27T01:00:00Z'), servedAt: at('2026-02-20T00:00:00Z'), jobId: 'a' }
    t.strictSame(nextRun(schedule, served), at(startAt), 'what was served belongs to an older start')
  }
})

t.test('a single run has no next', async t => {
  t.equal(nextRun({ startAt }, { now: at('2026-03-01T02:00:01Z'), servedAt: at(startAt) }), undefined)
  t.equal(nextRun({ startAt }, { now: at('2026-03-01T02:00:01Z') }), undefined)
  t.equal(nextRun({ startAt }, { now: at('2026-03-01T01:59:00Z'), servedAt: at(startAt) }), undefined, 'clock set back')
})

t.test('runs repeat at their anchors, not at an interval after the last start', async t => {
  const next = (now: string, servedAt = startAt) =>
    nextRun({ startAt, everyHours: 6 }, { now: at(now), servedAt: at(servedAt) })
  t.strictSame(next('2026-03-01T02:00:05Z'), at('2026-03-01T08:00:00Z'))
  t.strictSame(next('2026-03-01T05:17:00Z'), at('2026-03-01T08:00:00Z'))
  t.strictSame(next('2026-03-01T08:00:00Z'), at('2026-03-01T14:00:00Z'), 'exactly at an anchor')
  t.strictSame(next('2026-03-09T15:00:00Z'), at('2026-03-09T20:00:00Z'), 'runs do not pile up')
})

t.test('an interval that divides the day keeps its times of day over a change of the clock', async t => {
  const daily = { startAt: '2026-03-28T02:00:00+01:00', everyHours: 24, timeZone: 'Europe/Berlin' }
  t.strictSame(runsAfter(daily, '2026-03-28T02:00:00Z', 3), [
    '2026-03-29T01:00Z', // 02:00 is skipped: 03:00
    '2026-03-30T00:00Z',
    '2026-03-31T00:00Z',
  ])
  const quarters = { startAt: '2026-10-24T02:30:00+02:00', everyHours: 6, timeZone: 'Europe/Berlin' }
  t.strictSame(runsAfter(quarters, '2026-10-24T20:00:00Z', 3), [
    '2026-10-25T00:30Z', // the first 02:30, and not the second
    '2026-10-25T07:30Z', // 08:30
    '2026-10-25T13:30Z',
  ])
})

t.test('half an hour of summer time moves nothing either', async t => {
  const schedule = { startAt: '2026-10-03T02:15:00+10:30', everyHours: 12, timeZone: 'Australia/Lord_Howe' }
  t.strictSame(runsAfter(schedule, '2026-10-03T00:00:00Z', 4), [
    '2026-10-03T03:45Z', // 14:15 +10:30
    '2026-10-03T15:30Z', // 02:15 is skipped: 02:30 +11
    '2026-10-04T03:15Z', // 14:15 +11
    '2026-10-04T15:15Z',
  ])
})

t.test('hourly runs go once through a skipped hour, and once through one that comes twice', async t => {
  const schedule = { startAt: '2026-03-28T00:00:00Z', everyHours: 1, timeZone: 'Europe/Berlin' }
  t.strictSame(runsAfter(schedule, '2026-03-29T00:00:00Z', 2), ['2026-03-29T01:00Z', '2026-03-29T02:00Z'])
  t.strictSame(runsAfter(schedule, '2026-10-25T00:00:00Z', 2), ['2026-10-25T02:00Z', '2026-10-25T03:00Z'])
})

t.test('an interval that does not divide the day is elapsed time', async t => {
  const schedule = { startAt: '2026-03-28T20:00:00Z', everyHours: 5, timeZone: 'Europe/Berlin' }
  t.strictSame(runsAfter(schedule, '2026-03-28T20:00:00Z', 3), [
    '2026-03-29T01:00Z',
    '2026-03-29T06:00Z',
    '2026-03-29T11:00Z',
  ])
})

t.test('a start in the hour that comes twice is served once, whichever of both it is', async t => {
  for (const start of ['2026-10-25T02:30:00+02:00', '2026-10-25T02:30:00+01:00']) {
    const schedule = { startAt: start, everyHours: 24, timeZone: 'Europe/Berlin' }
    t.strictSame(nextRun(schedule, { now: at(start), servedAt: at(start) }), at('2026-10-26T01:30:00Z'), start)
  }
})

t.test('a clock that was set back by up to an interval repeats nothing', async t => {
  const progress = { now: at('2026-03-01T07:00:00Z'), servedAt: at('2026-03-01T08:00:00Z') }
  t.strictSame(nextRun({ startAt, everyHours: 6 }, progress), at('2026-03-01T14:00:00Z'))
})

t.test('a clock that was far ahead and is set right leaves nothing far ahead', async t => {
  const progress = { now: at('2026-03-05T07:00:00Z'), servedAt: at('2031-01-01T08:00:00Z') }
  t.strictSame(nextRun({ startAt, everyHours: 6 }, progress), at('2026-03-05T08:00:00Z'))
})

t.test('a job has its own offset of at most 5 minutes or 5 %, always the same, but not on its first run', async t => {
  for (const [everyHours, maxMs] of [
    [1, 3 * 60_000],
    [24, 5 * 60_000],
    [7, 5 * 60_000],
  ] as const) {
    const offsets = Array.from({ length: 400 }, (_, job) => {
      const next = nextRun({ startAt, everyHours }, { now: at(startAt), servedAt: at(startAt), jobId: `job-${job}` })
      return (next?.getTime() ?? 0) - Date.parse(startAt) - everyHours * hourMs
    })
    t.ok(
      offsets.every(offset => offset >= 0 && offset <= maxMs && offset % 1000 === 0),
      `every ${everyHours} h`,
    )
    // A herd of 400 in 181 or 301 seconds: even chance leaves no second with more than a dozen.
    const herd = Math.max(
      ...Map.groupBy(offsets, offset => offset)
        .values()
        .map(same => same.length),
    )
    t.ok(new Set(offsets).size > 120 && herd < 12, `${new Set(offsets).size} offsets, at most ${herd} together`)
  }
  t.strictSame(
    runsAfter({ startAt, everyHours: 24 }, startAt, 2, 'job-1').map(run => run.slice(10)),
    runsAfter({ startAt, everyHours: 24 }, '2026-03-11T02:00:00Z', 2, 'job-1').map(run => run.slice(10)),
  )
  t.strictSame(nextRun({ startAt, everyHours: 24 }, { now: at('2026-02-28T00:00:00Z'), jobId: 'job-1' }), at(startAt))
  t.strictSame(place({ startAt }, at(startAt), 'job-1'), at(startAt), 'a single run has none')
})

t.test('an anchor that waits for its offset is not passed over', async t => {
  const schedule = { startAt, everyHours: 6 }
  const planned = nextRun(schedule, { now: at('2026-03-01T07:59:00Z'), servedAt: at(startAt), jobId: 'job-2' })
  t.ok(planned && planned > at('2026-03-01T08:00:01Z'))
  t.strictSame(nextRun(schedule, { now: at('2026-03-01T08:00:01Z'), servedAt: at(startAt), jobId: 'job-2' }), planned)
})

t.test('runs outside of the windows move to the next opening, together as one', async t => {
  const schedule = { startAt: '2026-03-07T20:00:00Z', everyHours: 4, windows: [weekends] }
  t.strictSame(runsAfter(schedule, '2026-03-07T20:00:00Z', 4), [
    '2026-03-08T00:00Z',
    '2026-03-08T20:00Z', // 04:00, 08:00, 12:00 and 16:00 with it
    '2026-03-09T00:00Z',
    '2026-03-14T20:00Z',
  ])
})

t.test('an offset does not carry a run out of its window', async t => {
  const windows: WeeklyWindow[] = [{ days: ['sat'], from: '19:59', to: '20:01' }]
  for (let job = 0; job < 50; job++) {
    const progress = { now: at('2026-03-09T00:00:00Z'), servedAt: at('2026-03-07T20:00:00Z'), jobId: `job-${job}` }
    const next = nextRun({ startAt: '2026-03-07T20:00:00Z', everyHours: 24, windows }, progress)
    if (!next || !isInside(windows, next, 'UTC')) t.fail(`job-${job} ${next?.toISOString()}`)
  }
})

t.test(
  'what is late within the tolerance is on time; else a repeating run is skipped, and a single one made up for',
  async t => {
    const late = (schedule: Schedule, minutes: number) =>
      missedRuns(schedule, {
        plannedAt: at(startAt),
        now: new Date(Date.parse(startAt) + minutes * 60_000),
        toleranceMs: 15 * 60_000,
      })
    t.equal(late({ startAt, everyHours: 1 }, 15), 'onTime')
    t.equal(late({ startAt, everyHours: 1 }, -60), 'onTime', 'clock set back')
    t.equal(late({ startAt, everyHours: 1 }, 16), 'skip')
    t.equal(late({ startAt, everyHours: 1, whenMissed: 'run' }, 16), 'run')
    t.equal(late({ startAt }, 16), 'run')
    t.equal(late({ startAt, whenMissed: 'skip' }, 16), 'skip')
  },
)

t.test(
  'a job that is resumed goes on at its next anchor; only a single run that was not served is due at once',
  async t => {
    const now = at('2026-03-03T09:00:00Z')
    const job = (schedule: Schedule, lastPlannedAt?: string) => ({
      id: 'job-1',
      schedule,
      ...(lastPlannedAt ? { lastPlannedAt } : {}),
    })
    const next = resumedRun(job({ startAt, everyHours: 6 }), now)
    t.ok(next && next >= at('2026-03-03T14:00:00Z') && next <= at('2026-03-03T14:05:00Z'))
    t.strictSame(resumedRun(job({ startAt }), now), at(startAt))
    t.equal(resumedRun(job({ startAt }, startAt), now), undefined)
    t.strictSame(resumedRun(job({ startAt: '2026-03-09T00:00:00Z' }), now), at('2026-03-09T00:00:00Z'))
  },
)

/** The rows of a table at which a schedule has an anchor, found by looking at every minute. */
function walkedAnchors(table: WallTable, startRow: number, everyHours: number): number[] {
  const interval = everyHours * 60
  const anchors = [startRow]
  if (24 % everyHours !== 0) {
    for (let row = startRow + interval; row < table.shown.length; row += interval) anchors.push(row)
    return anchors
  }
  const isTime = (shown: number) => (((shown - shownAt(table, startRow)) % interval) + interval) % interval === 0
  const seen = new Set<number>()
  for (let row = 1; row < table.shown.length; row++) {
    // What the clock has gone through in this minute: one time, or all that it has skipped as well.
    const shown = shownAt(table, row)
    let isAnchor = false
    for (let passed = Math.min(shown, shownAt(table, row - 1) + 1); passed <= shown; passed++) {
      if (!isTime(passed) || seen.has(passed)) continue
      seen.add(passed)
      isAnchor = true
    }
    if (isAnchor && row > startRow) anchors.push(row)
  }
  return anchors
}

t.test('random schedules in every zone run when a walk through the minutes finds them to', async t => {
  const seed = 2026
  const chance = chanceOf(seed)
  const two = (number: number) => String(number).padStart(2, '0')
  const time = () => `${two(chance(2) ? chance(5) : chance(24))}:${two(chance(2) * 30)}`
  let trials = 0
  for (const table of tablesAroundChanges()) {
    for (let trial = 0; trial < 20; trial++) {
      const startRow = 1440 + chance(1440)
      const everyHours = 1 + chance(24)
      const windows: WeeklyWindow[] | undefined =
        chance(2) === 0
          ? undefined
          : [
              {
                days: chance(2) ? ['mon', 'wed', 'sun'] : ['sat', 'sun'],
                from: time(),
                to: chance(4) ? time() : '24:00',
              },
            ]
      const start = instantOf(table, startRow)
      const schedule: Schedule = {
        startAt: start.toISOString(),
        everyHours,
        timeZone: table.zone,
        ...(windows ? { windows } : {}),
      }
      const anchors = walkedAnchors(table, startRow, everyHours)
      // Each anchor runs at the first open minute from it on.
      const open = windows ? insideByTable(table, windows) : () => true
      const openings = new Int32Array(table.shown.length)
      for (let row = openings.length - 1; row >= 0; row--)
        openings[row] = open(row) ? row : (openings[row + 1] ?? openings.length)
      const runs = anchors.map(anchor => openings[anchor] as number)
      let now = firstRun(schedule)
      for (let run = 0; run < 12; run++) {
        const expected = runs.find(row => row > rowOf(table, now))
        if (expected === undefined || expected >= table.shown.length - 1440) break
        const next = nextRun(schedule, { now, servedAt: now })
        trials++
        if (next?.getTime() !== instantOf(table, expected).getTime()) {
          t.fail(`seed ${seed}: ${table.zone}`, { schedule, now, next, expected: instantOf(table, expected) })
          break
        }
        // Sometimes the appliance is away for a while.
        now = chance(4) ? next : new Date(next.getTime() + chance(60) * 3 * 60_000)
      }
    }
  }
  t.ok(trials > 3000, `${trials} trials`)
})

t.test('random lives with clocks that jump: never far ahead, and nothing twice within an interval', async t => {
  const seed = 1971
  const chance = chanceOf(seed)
  const zones = ['Europe/Berlin', 'Australia/Lord_Howe', 'UTC']
  for (let life = 0; life < 60; life++) {
    const everyHours = 1 + chance(24)
    const schedule = { startAt, everyHours, timeZone: zones[chance(3)] as string }
    let now = at(startAt)
    let servedAt = now
    for (let run = 0; run < 40; run++) {
      now = new Date(Math.max(Date.parse(startAt), now.getTime() + (chance(5) ? chance(30) : -chance(40)) * hourMs))
      const next = nextRun(schedule, { now, servedAt, jobId: `life-${life}` })
      const aheadMs = (next?.getTime() ?? Number.NaN) - now.getTime()
      // Two intervals, an hour for a change of the clock, and the offset.
      const isRight = aheadMs > 0 && aheadMs <= (2 * everyHours + 1) * hourMs + 5 * 60_000
      const repeats =
        servedAt > now && servedAt.getTime() - now.getTime() <= everyHours * hourMs && next && next <= servedAt
      if (!next || !isRight || repeats)
        return t.fail(`seed ${seed}, life ${life}, run ${run}`, { schedule, now, servedAt, next })
      if (chance(3)) {
        servedAt = next
        now = next
      }
    }
  }
  t.pass()
})

t.test('starts up to 30 days ahead or a day past, 1 to 24 whole hours, zones and windows are taken', async t => {
  const now = at('2026-03-01T00:00:00Z')
  for (const start of [
    '2026-03-31T00:00:00Z',
    '2026-02-28T00:00:00Z',
    '2026-03-01T00:00Z',
    '2026-03-05T09:30:00.5+05:30',
  ])
    t.doesNotThrow(() => validateSchedule({ startAt: start }, now), start)
  for (const everyHours of [1, 6, 24]) t.doesNotThrow(() => validateSchedule({ startAt, everyHours }, now))
  const whole: Schedule = { startAt, timeZone: 'Asia/Kolkata', whenMissed: 'run', windows: [weekends] }
  t.doesNotThrow(() => validateSchedule(whole, now))
  t.doesNotThrow(() => validateSchedule({ startAt, windows: [] }, now), 'no windows: at any time')
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
  const refused: [Partial<Schedule>, RegExp][] = [
    [{ timeZone: 'Europe/Nowhere' }, /no time zone "Europe\/Nowhere"/],
    [{ timeZone: '+01:00' }, /no time zone/],
    [{ whenMissed: 'later' as 'skip' }, /"later"/],
    [{ windows: [weekends, { ...weekends, days: [] }] }, /Window 2 names no day, so that it is never open/],
    [{ windows: [{ ...weekends, from: '25:00' }] }, /Window 1 begins at "25:00"/],
    [{ windows: [{ ...weekends, to: '4:00' }] }, /Window 1 ends at "4:00"/],
  ]
  for (const [change, message] of refused)
    t.throws(() => validateSchedule({ startAt, ...change }, now), { code: 'SCHEDULE_INVALID', message })
})
