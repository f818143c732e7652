// Windows of the week: examples, and random ones against a walk through every minute.
import t from 'tap'
import { type WeeklyWindow, weekdays } from '../../appliance/domain.ts'
import { isInside, nextChange, nextOpening, windowFlaw } from '../../appliance/schedule/weekly-window.ts'
import { chanceOf, insideByTable, instantOf, tablesAroundChanges, type WallTable } from './wall-table.ts'

const at = (text: string) => new Date(text)
const nights: WeeklyWindow = { days: ['fri', 'sat'], from: '22:00', to: '04:00' }
const every = [...weekdays]

t.test('a window whose end is not after its start reaches into the next day', async t => {
  const inside = (text: string) => isInside([nights], at(text), 'UTC')
  t.notOk(inside('2026-03-06T21:59:59Z'), 'Friday before')
  t.ok(inside('2026-03-06T22:00:00Z'))
  t.ok(inside('2026-03-07T03:59:59Z'), 'Saturday morning')
  t.notOk(inside('2026-03-07T04:00:00Z'))
  t.ok(inside('2026-03-08T03:00:00Z'), 'Sunday morning')
  t.notOk(inside('2026-03-08T22:00:00Z'), 'Sunday night')
  t.notOk(inside('2026-03-06T03:00:00Z'), 'Friday morning belongs to Thursday')
})

t.test('24:00 is the end of the day, and so is 00:00', async t => {
  for (const to of ['24:00', '00:00']) {
    const windows: WeeklyWindow[] = [{ days: ['mon'], from: '22:00', to }]
    t.ok(isInside(windows, at('2026-03-02T23:59:59Z'), 'UTC'), to)
    t.notOk(isInside(windows, at('2026-03-03T00:00:00Z'), 'UTC'), to)
    t.strictSame(nextChange(windows, at('2026-03-02T22:30:00Z'), 'UTC'), at('2026-03-03T00:00:00Z'), to)
  }
})

t.test('a window that ends when it begins is open around the clock', async t => {
  const monday: WeeklyWindow[] = [{ days: ['mon'], from: '09:00', to: '09:00' }]
  t.ok(isInside(monday, at('2026-03-03T08:59:00Z'), 'UTC'))
  t.notOk(isInside(monday, at('2026-03-03T09:00:00Z'), 'UTC'))
})

t.test('the clock of the zone counts, summer time included', async t => {
  const office: WeeklyWindow[] = [{ days: ['mon'], from: '08:00', to: '18:00' }]
  t.strictSame(nextOpening(office, at('2026-03-24T00:00:00Z'), 'Europe/Berlin'), at('2026-03-30T06:00:00Z'))
  t.strictSame(nextOpening(office, at('2026-03-18T00:00:00Z'), 'Europe/Berlin'), at('2026-03-23T07:00:00Z'))
  t.strictSame(nextOpening(office, at('2026-03-24T00:00:00Z'), 'Asia/Kolkata'), at('2026-03-30T02:30:00Z'))
})

t.test('inside, the next opening is now', async t => {
  const now = at('2026-03-06T23:12:34.567Z')
  t.strictSame(nextOpening([nights], now, 'UTC'), now)
})

t.test('a window that the clock skips does not open that day', async t => {
  const skipped: WeeklyWindow[] = [{ days: ['sun'], from: '02:00', to: '03:00' }]
  t.strictSame(nextOpening(skipped, at('2026-03-28T00:00:00Z'), 'Europe/Berlin'), at('2026-04-05T00:00:00Z'))
  t.strictSame(nextOpening(skipped, at('2026-03-22T01:30:00Z'), 'Europe/Berlin'), at('2026-03-22T01:30:00Z'))
  t.strictSame(
    nextOpening(skipped, at('2026-03-22T02:00:00Z'), 'Europe/Berlin'),
    at('2026-04-05T00:00:00Z'),
    'a fortnight',
  )
})

t.test('a window half of which is skipped opens with the skip', async t => {
  const half: WeeklyWindow[] = [{ days: every, from: '02:30', to: '04:00' }]
  t.strictSame(nextOpening(half, at('2026-03-29T00:00:00Z'), 'Europe/Berlin'), at('2026-03-29T01:00:00Z'))
})

t.test('a window that the clock shows twice is open twice', async t => {
  const twice: WeeklyWindow[] = [{ days: every, from: '02:15', to: '02:45' }]
  const changes: string[] = []
  let now = at('2026-10-24T22:00:00Z')
  for (let change = 0; change < 4; change++) {
    now = nextChange(twice, now, 'Europe/Berlin') ?? now
    changes.push(now.toISOString().slice(11, 16))
  }
  t.strictSame(changes, ['00:15', '00:45', '01:15', '01:45'])
})

t.test('what never changes has no next change', async t => {
  const always: WeeklyWindow[] = [{ days: every, from: '00:00', to: '24:00' }]
  t.equal(nextChange(always, at('2026-03-01T00:00:00Z'), 'Europe/Berlin'), undefined)
  t.equal(nextChange([], at('2026-03-01T00:00:00Z'), 'Europe/Berlin'), undefined)
  t.equal(nextOpening([], at('2026-03-01T00:00:00Z'), 'Europe/Berlin'), undefined)
})

t.test('windows that touch or overlap are one', async t => {
  const windows: WeeklyWindow[] = [
    { days: ['mon'], from: '08:00', to: '12:00' },
    { days: ['mon'], from: '12:00', to: '18:00' },
    { days: ['mon'], from: '17:00', to: '02:00' },
  ]
  t.strictSame(nextChange(windows, at('2026-03-02T09:00:00Z'), 'UTC'), at('2026-03-03T02:00:00Z'))
})

/** The first minute after a row at which the windows change, found by looking at all. */
function walked(table: WallTable, windows: WeeklyWindow[], row: number): number | undefined {
  const inside = insideByTable(table, windows)
  for (let at = row + 1; at < table.shown.length; at++) if (inside(at) !== inside(row)) return at
  return undefined
}

t.test('random windows in every zone change when a walk through the minutes finds them to', async t => {
  const seed = 404
  const chance = chanceOf(seed)
  const two = (number: number) => String(number).padStart(2, '0')
  // Early hours more often: there the clocks are changed.
  const time = () => `${two(chance(2) ? chance(5) : chance(24))}:${two(chance(4) * 15)}`
  let trials = 0
  for (const table of tablesAroundChanges()) {
    for (let trial = 0; trial < 60; trial++) {
      const windows = Array.from({ length: 1 + chance(3) }, (): WeeklyWindow => {
        const days = weekdays.filter(() => chance(3) > 0)
        return { days: days.length > 0 ? days : ['sun'], from: time(), to: chance(6) ? time() : '24:00' }
      })
      const row = chance(24 * 1440)
      const expected = walked(table, windows, row)
      if (expected === undefined) continue
      trials++
      const found = nextChange(windows, instantOf(table, row), table.zone)
      if (found?.getTime() !== instantOf(table, expected).getTime())
        t.fail(`seed ${seed}: ${table.zone} ${instantOf(table, row).toISOString()}`, {
          windows,
          found,
          expected: instantOf(table, expected),
        })
    }
  }
  t.ok(trials > 1000, `${trials} trials`)
})

t.test('the flaw of a window is named', async t => {
  t.equal(windowFlaw(nights), undefined)
  t.equal(windowFlaw({ days: ['sun'], from: '00:00', to: '24:00' }), undefined)
  t.match(windowFlaw({ ...nights, days: [] }), /no day.*never open/)
  t.match(windowFlaw({ ...nights, days: ['someday' as 'mon'] }), /"someday"/)
  for (const from of ['24:00', '9:00', '12:60', '', '12:00:00'])
    t.match(windowFlaw({ ...nights, from }), new RegExp(`begins at "${from}"`))
  for (const to of ['24:01', '25:00', 'noon']) t.match(windowFlaw({ ...nights, to }), new RegExp(`ends at "${to}"`))
})
