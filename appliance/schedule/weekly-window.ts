// Stretches of the week by the clock of a time zone: whether an instant lies inside, and when that changes.
import { type WeeklyWindow, weekdays } from '../domain.ts'
import { bothInstantsOf, clockAt, clockChanges } from './wall-clock.ts'

const dayMinutes = 24 * 60
const dayMs = dayMinutes * 60_000
const clockTime = /^([01]\d|2[0-3]):[0-5]\d$/
/**
 * How far ahead changes are looked for, days: the usual week first. A window that a change of the clock swallows comes
 * again a week later, so nothing that changes at all takes longer than the second.
 */
const horizonsDays = [8, 36]

/** What is wrong with a window, as the end of a sentence; undefined when nothing is. */
export function windowFlaw(window: WeeklyWindow): string | undefined {
  if (window.days.length === 0) return 'names no day, so that it is never open'
  const unknown = window.days.find(day => !weekdays.includes(day))
  if (unknown !== undefined) return `names the day "${unknown}", which is none of ${weekdays.join(', ')}`
  if (!clockTime.test(window.from)) return `begins at "${window.from}", which is no time from 00:00 to 23:59`
  if (window.to !== '24:00' && !clockTime.test(window.to))
    return `ends at "${window.to}", which is no time from 00:00 to 24:00`
  return undefined
}

/**
 * Whether the zone's clock shows a time inside one of the windows. What the clock skips is never inside; what it shows
 * twice is inside twice.
 */
export function isInside(windows: readonly WeeklyWindow[], instant: Date, timeZone: string): boolean {
  const clock = clockAt(instant, timeZone)
  const minute = clock.hour * 60 + clock.minute
  return windows.some(window => holds(window, clock.dayOfWeek - 1, minute))
}

/** The first instant, from this one on, that lies inside; undefined when there is none. */
export function nextOpening(windows: readonly WeeklyWindow[], instant: Date, timeZone: string): Date | undefined {
  return isInside(windows, instant, timeZone) ? instant : nextChange(windows, instant, timeZone)
}

/** The first instant after this one at which inside becomes outside, or outside inside; undefined when that never happens. */
export function nextChange(windows: readonly WeeklyWindow[], instant: Date, timeZone: string): Date | undefined {
  const inside = isInside(windows, instant, timeZone)
  const minutes = new Set(windows.flatMap(window => [minutesOf(window.from), minutesOf(window.to) % dayMinutes]))
  for (const days of horizonsDays) {
    // Only at these instants can it change, so that nothing in between has to be looked at.
    const candidates = boundaries(minutes, instant, days, timeZone)
    const change = candidates.find(candidate => isInside(windows, candidate, timeZone) !== inside)
    if (change) return change
  }
  return undefined
}

/** The instants of the coming days at which the zone's clock shows one of these minutes of the day, or is changed; in order. */
function boundaries(minutes: ReadonlySet<number>, after: Date, days: number, timeZone: string): Date[] {
  const until = new Date(after.getTime() + days * dayMs)
  const found = clockChanges(after, until, timeZone)
  const today = clockAt(after, timeZone).toPlainDate()
  // A day more at both ends: across the zone's midnight, the order of days and that of instants may differ for an hour.
  for (let day = -1; day <= days + 1; day++) {
    const date = today.add({ days: day })
    for (const minute of minutes) {
      const shown = date.toPlainDateTime({ hour: Math.floor(minute / 60), minute: minute % 60 })
      found.push(...bothInstantsOf(shown, timeZone))
    }
  }
  return found
    .filter(instant => instant > after.getTime() && instant <= until.getTime())
    .sort((a, b) => a - b)
    .map(instant => new Date(instant))
}

function holds(window: WeeklyWindow, weekday: number, minute: number): boolean {
  const from = minutesOf(window.from)
  const to = minutesOf(window.to)
  const isDay = (day: number) => window.days.some(name => weekdays.indexOf(name) === (day + 7) % 7)
  if (from < to) return isDay(weekday) && minute >= from && minute < to
  return (isDay(weekday) && minute >= from) || (isDay(weekday - 1) && minute < to)
}

function minutesOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5))
}
