// A job as the fields of the wizard show it, and what has changed in them. Pure.
import type { JobPatch, JobView } from '../contract.ts'
import { bodyOf, firstDraft, type JobDraft } from './job-draft.ts'

/** A job as the wizard would have made it. */
export function draftOf({ schedule, settings }: JobView, nowMs: number): JobDraft {
  const zone = schedule.timeZone ?? 'UTC'
  const later = Date.parse(schedule.startAt) > nowMs
  return {
    ...firstDraft(zone),
    licence: settings.licence,
    when: later ? 'later' : 'now',
    startAt: later ? localInput(schedule.startAt) : '',
    repeat: schedule.everyHours === undefined ? 'once' : 'every',
    hours: String(schedule.everyHours ?? 24),
    whenMissed: schedule.whenMissed ?? 'skip',
    retention: String(settings.retention),
    imageMethod: settings.imageMethod,
    encrypted: settings.encrypted,
    kmsKeyId: settings.kmsKeyId ?? '',
    tags: Object.entries(settings.tags).map(([key, value]) => ({ key, value })),
  }
}

/** What has changed, as the API takes it; what no field shows (windows, bandwidth) stays. Undefined when nothing has. */
export function patchOf(job: JobView, before: JobDraft, draft: JobDraft): JobPatch | undefined {
  const was = bodyOf(before, [])
  const is = bodyOf(draft, [])
  const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)
  const { windows } = job.schedule
  const { bandwidth } = job.settings
  const patch: JobPatch = {
    ...(same(was.schedule, is.schedule) ? {} : { schedule: { ...is.schedule, ...(windows ? { windows } : {}) } }),
    ...(same(was.settings, is.settings) ? {} : { settings: { ...is.settings, ...(bandwidth ? { bandwidth } : {}) } }),
  }
  return Object.keys(patch).length === 0 ? undefined : patch
}

/** As an input of date and time takes it: the browser's clock, without zone. */
function localInput(iso: string): string {
  const at = new Date(iso)
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}
