// The policy as its form holds it: numbers are text until they are saved. Pure.
import type { Policy, WeeklyWindow } from '../contract.ts'

const mebibyte = 1024 * 1024
const gibibyte = 1024 * mebibyte
/** The least that the API takes. */
const slowest = 65_536

export interface PolicyDraft {
  timeZone: string
  limit: string
  timetable: { window: WeeklyWindow; limit: string }[]
  blackouts: { window: WeeklyWindow; holdTransfers: boolean }[]
  floorPercent: string
  floorGiB: string
  pauseAfterFailures: string
  snapshotAgeHours: string
}

const limitText = (bytesPerSecond: number | null | undefined): string =>
  bytesPerSecond === null || bytesPerSecond === undefined ? '' : String(bytesPerSecond / mebibyte)

export const newWindow = (): WeeklyWindow => ({ days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '18:00' })

export function draftOf(policy: Policy): PolicyDraft {
  return {
    timeZone: policy.timeZone,
    limit: limitText(policy.bandwidth.bytesPerSecond),
    timetable: policy.bandwidth.timetable.map(entry => ({
      window: entry.window,
      limit: limitText(entry.bytesPerSecond),
    })),
    blackouts: policy.blackouts,
    floorPercent: String(policy.datastoreFloor.percent),
    floorGiB: String(policy.datastoreFloor.bytes / gibibyte),
    pauseAfterFailures: String(policy.pauseAfterFailures),
    snapshotAgeHours: String(policy.snapshotAgeHours),
  }
}

/** What is saved; undefined while a field cannot be. */
export function policyOf(draft: PolicyDraft): Policy | undefined {
  const limit = bytesOf(draft.limit)
  const timetable = draft.timetable.map(({ window, limit: text }) => ({ window, bytesPerSecond: bytesOf(text) }))
  const percent = whole(draft.floorPercent, 0, 90)
  const floorBytes = Number(draft.floorGiB) * gibibyte
  const pauseAfterFailures = whole(draft.pauseAfterFailures, 0, 1000)
  const snapshotAgeHours = whole(draft.snapshotAgeHours, 1, 8760)
  const windows = [...timetable, ...draft.blackouts].map(({ window }) => window)
  if (limit === undefined || timetable.some(({ bytesPerSecond }) => bytesPerSecond === undefined)) return undefined
  if (percent === undefined || pauseAfterFailures === undefined || snapshotAgeHours === undefined) return undefined
  if (!(floorBytes >= 0) || draft.floorGiB.trim() === '') return undefined
  if (windows.some(({ days, from, to }) => days.length === 0 || from === '' || to === '')) return undefined
  return {
    timeZone: draft.timeZone,
    bandwidth: {
      ...(limit === null ? {} : { bytesPerSecond: limit }),
      timetable: timetable.map(({ window, bytesPerSecond }) => ({ window, bytesPerSecond: bytesPerSecond ?? null })),
    },
    blackouts: draft.blackouts,
    datastoreFloor: { percent, bytes: Math.round(floorBytes) },
    pauseAfterFailures,
    snapshotAgeHours,
  }
}

/** null: no limit; undefined: no such limit. */
export function bytesOf(text: string): number | null | undefined {
  if (text.trim() === '') return null
  const value = Math.round(Number(text) * mebibyte)
  return value >= slowest ? value : undefined
}

function whole(text: string, from: number, to: number): number | undefined {
  const value = Number(text)
  return text.trim() !== '' && Number.isInteger(value) && value >= from && value <= to ? value : undefined
}
