// What the create-job wizard collects, what is wrong with it, and what is sent. Pure.
import type { JobsBody, WeeklyWindow } from '../contract.ts'
import { t } from '../locale/en.ts'
import { type BandwidthDraft, bandwidthOf, windowIsWrong } from '../ui/window-draft.ts'

export interface JobDraft {
  licence: 'auto' | 'aws' | 'byol'
  when: 'now' | 'later'
  /** `YYYY-MM-DDTHH:MM` by the browser's clock. */
  startAt: string
  repeat: 'once' | 'every'
  hours: string
  timeZone: string
  whenMissed: 'skip' | 'run'
  windows: { window: WeeklyWindow }[]
  bandwidth: BandwidthDraft
  retention: string
  imageMethod: 'registered' | 'converted'
  encrypted: boolean
  kmsKeyId: string
  tags: { key: string; value: string }[]
}

export type DraftStep = 'servers' | 'licence' | 'schedule' | 'image' | 'review'
export const draftSteps: readonly DraftStep[] = ['servers', 'licence', 'schedule', 'image', 'review']

/** The API takes a start this far ahead. */
const farthestMs = 30 * 24 * 3600_000
export const mostServers = 1000

/** A single run that is skipped would be lost for ever; of many, the next makes up for it. */
export const missedDefault = { once: 'run', every: 'skip' } as const

export const firstDraft = (timeZone: string): JobDraft => ({
  licence: 'auto',
  when: 'now',
  startAt: '',
  repeat: 'once',
  hours: '24',
  timeZone,
  whenMissed: missedDefault.once,
  windows: [],
  bandwidth: { limit: '', timetable: [] },
  retention: '7',
  imageMethod: 'registered',
  encrypted: true,
  kmsKeyId: '',
  tags: [],
})

export type DraftErrors = Partial<
  Record<'servers' | 'startAt' | 'hours' | 'timeZone' | 'windows' | 'bandwidth' | 'retention' | 'tags', string>
>

/** What is wrong on a step; empty when nothing is. */
export function errorsOf(step: DraftStep, draft: JobDraft, usable: number, nowMs: number): DraftErrors {
  const errors: DraftErrors = {}
  if (step === 'servers') {
    if (usable === 0) errors.servers = t.create.noneChosen
    if (usable > mostServers) errors.servers = t.create.tooMany
  }
  if (step === 'schedule') {
    if (draft.when === 'later') {
      const atMs = Date.parse(draft.startAt)
      if (Number.isNaN(atMs)) errors.startAt = t.create.startMissing
      else if (atMs <= nowMs) errors.startAt = t.create.startPast
      else if (atMs > nowMs + farthestMs) errors.startAt = t.create.startFar
    }
    if (draft.repeat === 'every' && !isWhole(draft.hours, 1, 24)) errors.hours = t.create.hoursWrong
    if (!isTimeZone(draft.timeZone)) errors.timeZone = t.create.zoneWrong
    if (draft.windows.some(({ window }) => windowIsWrong(window))) errors.windows = t.create.windowsWrong
    if (!bandwidthOf(draft.bandwidth)) errors.bandwidth = t.create.bandwidthWrong
  }
  if (step === 'image') {
    if (!isWhole(draft.retention, 1, 270)) errors.retention = t.create.retentionWrong
    const keys = draft.tags.map(({ key }) => key)
    if (keys.some(key => key === '' || key.length > 128 || /^(aws:|hoist:)/i.test(key)))
      errors.tags = t.create.tagKeyWrong
  }
  return errors
}

export function bodyOf(draft: JobDraft, serverIds: string[]): JobsBody {
  const repeats = draft.repeat === 'every'
  const bandwidth = isLimited(draft.bandwidth) ? bandwidthOf(draft.bandwidth) : undefined
  return {
    serverIds,
    schedule: {
      ...(draft.when === 'later' ? { startAt: new Date(draft.startAt).toISOString() } : {}),
      ...(repeats ? { everyHours: Number(draft.hours) } : {}),
      whenMissed: draft.whenMissed,
      timeZone: draft.timeZone,
      ...(draft.windows.length > 0 ? { windows: draft.windows.map(({ window }) => window) } : {}),
    },
    settings: {
      licence: draft.licence,
      imageMethod: draft.imageMethod,
      encrypted: draft.encrypted,
      ...(draft.encrypted && draft.kmsKeyId.trim() !== '' ? { kmsKeyId: draft.kmsKeyId.trim() } : {}),
      retention: Number(draft.retention),
      tags: Object.fromEntries(draft.tags.map(({ key, value }) => [key, value])),
      ...(bandwidth ? { bandwidth } : {}),
    },
  }
}

/** Whether the draft limits the transfers of its jobs. */
export const isLimited = ({ limit, timetable }: BandwidthDraft): boolean => limit.trim() !== '' || timetable.length > 0

function isWhole(text: string, from: number, to: number): boolean {
  return /^\d{1,4}$/.test(text) && Number(text) >= from && Number(text) <= to
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return name !== ''
  } catch {
    // A RangeError is the answer: the browser knows no other way to ask.
    return false
  }
}
