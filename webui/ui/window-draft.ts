// Weekly windows and bandwidth limits as forms hold them: numbers are text until they are saved. Pure.
import type { BandwidthLimit, WeeklyWindow } from '../contract.ts'

const mebibyte = 1024 * 1024
/** The least that the API takes. */
const slowest = 65_536

/** A limit in MiB per second; empty is none. */
export interface BandwidthDraft {
  limit: string
  timetable: { window: WeeklyWindow; limit: string }[]
}

export const newWindow = (): WeeklyWindow => ({ days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '18:00' })

/** Whether the API would refuse it. */
export function windowIsWrong({ days, from, to }: WeeklyWindow): boolean {
  const clock = /^([01]\d|2[0-3]):[0-5]\d$/
  return days.length === 0 || !clock.test(from) || !(to === '24:00' || clock.test(to))
}

export function bandwidthDraftOf(limit: BandwidthLimit): BandwidthDraft {
  return {
    limit: limitText(limit.bytesPerSecond),
    timetable: limit.timetable.map(entry => ({ window: entry.window, limit: limitText(entry.bytesPerSecond) })),
  }
}

/** What is saved; undefined while a field cannot be. */
export function bandwidthOf(draft: BandwidthDraft): BandwidthLimit | undefined {
  const limit = bytesOf(draft.limit)
  const timetable = draft.timetable.map(({ window, limit: text }) => ({ window, bytesPerSecond: bytesOf(text) }))
  if (limit === undefined) return undefined
  if (timetable.some(entry => entry.bytesPerSecond === undefined || windowIsWrong(entry.window))) return undefined
  return {
    ...(limit === null ? {} : { bytesPerSecond: limit }),
    timetable: timetable.map(({ window, bytesPerSecond }) => ({ window, bytesPerSecond: bytesPerSecond ?? null })),
  }
}

/** null: no limit; undefined: no such limit. */
export function bytesOf(text: string): number | null | undefined {
  if (text.trim() === '') return null
  const value = Math.round(Number(text) * mebibyte)
  return value >= slowest ? value : undefined
}

const limitText = (bytesPerSecond: number | null | undefined): string =>
  bytesPerSecond === null || bytesPerSecond === undefined ? '' : String(bytesPerSecond / mebibyte)
