// A job's schedule and settings in words. Pure.
import type { BandwidthLimit, JobView, WeeklyWindow } from '../contract.ts'
import { rate } from '../format.ts'
import { t } from '../locale/en.ts'

export function repeatWords({ everyHours }: JobView['schedule']): string {
  return everyHours === undefined ? t.jobs.once : t.jobs.every(everyHours)
}

/** `mon, tue 08:00–18:00`. */
export function windowWords({ days, from, to }: WeeklyWindow): string {
  return `${days.map(day => t.weekdays[day]).join(', ')} ${from}–${to}`
}

export function bandwidthWords(limit: BandwidthLimit | undefined): string {
  if (!limit) return t.policy.noLimit
  const base = limit.bytesPerSecond === undefined ? t.policy.noLimit : rate(limit.bytesPerSecond)
  const entries = limit.timetable.map(
    entry =>
      `${windowWords(entry.window)}: ${entry.bytesPerSecond === null ? t.policy.noLimit : rate(entry.bytesPerSecond)}`,
  )
  return [base, ...entries].join('; ')
}

export function encryptionWords({ encrypted, kmsKeyId }: JobView['settings']): string {
  if (!encrypted) return t.encryption.none
  return kmsKeyId === undefined ? t.encryption.default : t.encryption.key(kmsKeyId)
}
