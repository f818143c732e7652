// What the create-job wizard collects, what is wrong with it, what is sent, and what will happen, in words. Pure.
import type { JobsBody } from '../contract.ts'
import { bytes, moment } from '../format.ts'
import { t } from '../locale/en.ts'
import type { ServerRow } from '../servers/server-rows.ts'

export interface JobDraft {
  licence: 'auto' | 'aws' | 'byol'
  when: 'now' | 'later'
  /** `YYYY-MM-DDTHH:MM` by the browser's clock. */
  startAt: string
  repeat: 'once' | 'every'
  hours: string
  timeZone: string
  whenMissed: 'skip' | 'run'
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

export const firstDraft = (timeZone: string): JobDraft => ({
  licence: 'auto',
  when: 'now',
  startAt: '',
  repeat: 'once',
  hours: '24',
  timeZone,
  whenMissed: 'skip',
  retention: '7',
  imageMethod: 'registered',
  encrypted: true,
  kmsKeyId: '',
  tags: [],
})

export type DraftErrors = Partial<Record<'servers' | 'startAt' | 'hours' | 'retention' | 'tags', string>>

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
  return {
    serverIds,
    schedule: {
      ...(draft.when === 'later' ? { startAt: new Date(draft.startAt).toISOString() } : {}),
      ...(repeats ? { everyHours: Number(draft.hours), whenMissed: draft.whenMissed } : {}),
      timeZone: draft.timeZone,
    },
    settings: {
      licence: draft.licence,
      imageMethod: draft.imageMethod,
      encrypted: draft.encrypted,
      ...(draft.encrypted && draft.kmsKeyId.trim() !== '' ? { kmsKeyId: draft.kmsKeyId.trim() } : {}),
      retention: Number(draft.retention),
      tags: Object.fromEntries(draft.tags.map(({ key, value }) => [key, value])),
    },
  }
}

const namesShown = 5

/** What will happen when the jobs are made, sentence by sentence. */
export function wordsOf(draft: JobDraft, rows: readonly ServerRow[]): string[] {
  const words = t.create.words
  const names = rows.slice(0, namesShown).map(row => row.name)
  if (rows.length > namesShown) names.push(words.andMore(rows.length - namesShown))
  const size = rows.reduce((sum, row) => sum + row.sizeBytes, 0)
  const disks = rows.reduce((sum, row) => sum + row.server.disks.length, 0)
  return [
    words.servers(rows.length, names.join(', ')),
    draft.when === 'now' ? words.firstNow : words.firstAt(moment(new Date(draft.startAt).toISOString())),
    words.read(bytes(size), disks),
    draft.repeat === 'once' ? words.once : words.every(Number(draft.hours)),
    words.snapshot,
    draft.imageMethod === 'registered' ? words.registered : words.converted(t.licences[draft.licence]),
    words.retention(Number(draft.retention)),
    draft.encrypted ? words.encrypted(draft.kmsKeyId.trim() || words.defaultKey) : words.plain,
  ]
}

function isWhole(text: string, from: number, to: number): boolean {
  return /^\d{1,4}$/.test(text) && Number(text) >= from && Number(text) <= to
}
