// A job's schedule and settings in words. Pure.
import type { BandwidthLimit, JobView, WeeklyWindow } from '../contract.ts'
import { rate } from '../format.ts'
import { t } from '../locale/en.ts'

export function repeatWords({ everyHours }: JobView['schedule']): string {
  return everyHours === undefined ? t.jobs.once : t.jobs.every(everyHours)
}

/** What becomes of a missed run: of a single one there is no next. */
export const missedWords = ({ everyHours }: Pick<JobView['schedule'], 'everyHours'>) =>
  everyHours === undefined ? t.missedOnce : t.missed

const week = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const

/** `Mon–Fri 08:00–18:00`, `Mon, Sun 22:00–06:00`, `every day 00:00–24:00`. */
export function windowWords({ days, from, to }: WeeklyWindow): string {
  return `${dayWords(days)} ${from}–${to}`
}

export const windowsWords = (windows: readonly WeeklyWindow[]): string => windows.map(windowWords).join('; ')

function dayWords(days: WeeklyWindow['days']): string {
  if (days.length === week.length) return t.windows.everyDay
  const stretches: number[][] = []
  for (const [index, day] of week.entries()) {
    if (!days.includes(day)) continue
    const last = stretches.at(-1)
    if (last?.at(-1) === index - 1) last.push(index)
    else stretches.push([index])
  }
  const word = (index = 0) => t.weekdays[week[index] ?? 'mon']
  return stretches
    .flatMap(stretch =>
      stretch.length > 2 ? `${word(stretch[0])}–${word(stretch.at(-1))}` : stretch.map(index => word(index)),
    )
    .join(', ')
}

export function bandwidthWords(limit: BandwidthLimit | undefined): string {
  if (!limit) return t.windows.noLimit
  const base = limit.bytesPerSecond === undefined ? t.windows.noLimit : rate(limit.bytesPerSecond)
  const entries = limit.timetable.map(
    entry =>
      `${windowWords(entry.window)}: ${entry.bytesPerSecond === null ? t.windows.noLimit : rate(entry.bytesPerSecond)}`,
  )
  return [base, ...entries].join('; ')
}

export function encryptionWords({ encrypted, kmsKeyId }: JobView['settings']): string {
  if (!encrypted) return t.encryption.none
  return kmsKeyId === undefined ? t.encryption.default : t.encryption.key(kmsKeyId)
}
