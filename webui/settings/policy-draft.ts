// The policy as its form holds it: numbers are text until they are saved. Pure.
import type { Policy, WeeklyWindow } from '../contract.ts'
import { type BandwidthDraft, bandwidthDraftOf, bandwidthOf, windowIsWrong } from '../ui/window-draft.ts'

const gibibyte = 1024 ** 3

export interface PolicyDraft {
  timeZone: string
  bandwidth: BandwidthDraft
  blackouts: { window: WeeklyWindow; holdTransfers: boolean }[]
  floorPercent: string
  floorGiB: string
  pauseAfterFailures: string
  snapshotAgeHours: string
}

export function draftOf(policy: Policy): PolicyDraft {
  return {
    timeZone: policy.timeZone,
    bandwidth: bandwidthDraftOf(policy.bandwidth),
    blackouts: policy.blackouts,
    floorPercent: String(policy.datastoreFloor.percent),
    floorGiB: String(policy.datastoreFloor.bytes / gibibyte),
    pauseAfterFailures: String(policy.pauseAfterFailures),
    snapshotAgeHours: String(policy.snapshotAgeHours),
  }
}

/** What is saved; undefined while a field cannot be. */
export function policyOf(draft: PolicyDraft): Policy | undefined {
  const bandwidth = bandwidthOf(draft.bandwidth)
  const percent = whole(draft.floorPercent, 0, 90)
  const floorBytes = Number(draft.floorGiB) * gibibyte
  const pauseAfterFailures = whole(draft.pauseAfterFailures, 0, 1000)
  const snapshotAgeHours = whole(draft.snapshotAgeHours, 1, 8760)
  if (bandwidth === undefined || draft.blackouts.some(({ window }) => windowIsWrong(window))) return undefined
  if (percent === undefined || pauseAfterFailures === undefined || snapshotAgeHours === undefined) return undefined
  if (!(floorBytes >= 0) || draft.floorGiB.trim() === '') return undefined
  return {
    timeZone: draft.timeZone,
    bandwidth,
    blackouts: draft.blackouts,
    datastoreFloor: { percent, bytes: Math.round(floorBytes) },
    pauseAfterFailures,
    snapshotAgeHours,
  }
}

function whole(text: string, from: number, to: number): number | undefined {
  const value = Number(text)
  return text.trim() !== '' && Number.isInteger(value) && value >= from && value <= to ? value : undefined
}
