// What clocks show, minute by minute: a slow witness that knows Intl's time zones only, and nothing of the appliance's arithmetic.
import { type WeeklyWindow, weekdays } from '../../appliance/domain.ts'
import { seeded } from '../store/samples.ts'

const minuteMs = 60_000
const dayMinutes = 24 * 60

/** Zones that differ: summer time at 01:00 UTC, at 02:00 local, by half an hour, at midnight; never, at half hours; none. */
export const zones = [
  'Europe/Berlin',
  'America/New_York',
  'Australia/Lord_Howe',
  'Africa/Cairo',
  'Asia/Kolkata',
  'UTC',
] as const

export interface WallTable {
  zone: string
  /** Instant of the first row. */
  fromMs: number
  /** Minutes since 1970 as the clock shows them, one row per minute of time. */
  shown: Float64Array
}

/** The clock of a zone from the midnight (UTC) of a day on. */
export function wallTable(zone: string, from: string, days: number): WallTable {
  const fromMs = Date.parse(`${from}T00:00:00Z`)
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset', hour: 'numeric' })
  const shown = new Float64Array(days * dayMinutes)
  let offset = 0
  for (let row = 0; row < shown.length; row++) {
    const at = fromMs + row * minuteMs
    // Clocks are changed at quarters of an hour.
    if (row % 15 === 0) offset = offsetMinutes(format.format(at))
    shown[row] = at / minuteMs + offset
  }
  return { zone, fromMs, shown }
}

/** Tables of 40 days around both changes of 2026 in the zones above. */
export function tablesAroundChanges(): WallTable[] {
  const froms = ['2026-02-25', '2026-03-12', '2026-09-20', '2026-10-10']
  return zones.flatMap(zone => froms.map(from => wallTable(zone, from, 40)))
}

export const instantOf = (table: WallTable, row: number) => new Date(table.fromMs + row * minuteMs)
export const rowOf = (table: WallTable, instant: Date) => (instant.getTime() - table.fromMs) / minuteMs
export const shownAt = (table: WallTable, row: number) => table.shown[row] as number

/** Whether the clock shows a time inside one of the windows, by row. */
export function insideByTable(table: WallTable, windows: WeeklyWindow[]): (row: number) => boolean {
  const minutes = (time: string) => Number(time.split(':')[0]) * 60 + Number(time.split(':')[1])
  const known = windows.map(({ days, from, to }) => ({
    days: days.map(day => weekdays.indexOf(day)),
    from: minutes(from),
    to: minutes(to),
  }))
  return row => {
    const minute = shownAt(table, row) % dayMinutes
    // 1 January 1970 was a Thursday.
    const day = (Math.floor(shownAt(table, row) / dayMinutes) + 3) % 7
    return known.some(({ days, from, to }) => {
      if (to > from) return days.includes(day) && minute >= from && minute < to
      return (days.includes(day) && minute >= from) || (days.includes((day + 6) % 7) && minute < to)
    })
  }
}

/** A whole number below the bound, the same ones for a seed. */
export const chanceOf = seeded

function offsetMinutes(text: string): number {
  const match = /GMT(?:([+-])(\d\d):(\d\d))?$/.exec(text)
  if (!match) throw new RangeError(`No offset in ${text}`)
  const minutes = Number(match[2] ?? 0) * 60 + Number(match[3] ?? 0)
  return match[1] === '-' ? -minutes : minutes
}
