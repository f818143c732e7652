// A job as the fields of the wizard show it, and what has changed in them. Pure.
import type { JobPatch, JobView } from '../contract.ts'
import { bandwidthDraftOf } from '../ui/window-draft.ts'
import { bodyOf, firstDraft, type JobDraft, missedDefault } from './job-draft.ts'

/** Whether its first run is past: such a job keeps its times unless it is given a new start. */
export const hasBegun = ({ schedule }: JobView, nowMs: number): boolean => Date.parse(schedule.startAt) <= nowMs

/** A job as the wizard would have made it. */
export function draftOf(job: JobView, nowMs: number): JobDraft {
  const { schedule, settings } = job
  const later = !hasBegun(job, nowMs)
  const repeat = schedule.everyHours === undefined ? 'once' : 'every'
  return {
    ...firstDraft(schedule.timeZone ?? 'UTC'),
    licence: settings.licence,
    when: later ? 'later' : 'now',
    startAt: later ? localInput(schedule.startAt) : '',
    repeat,
    hours: String(schedule.everyHours ?? 24),
    whenMissed: schedule.whenMissed ?? missedDefault[repeat],
    windows: (schedule.windows ?? []).map(window => ({ window })),
    bandwidth: bandwidthDraftOf(settings.bandwidth ?? { timetable: [] }),
    retention: String(settings.retention),
    imageMethod: settings.imageMethod,
    encrypted: settings.encrypted,
    kmsKeyId: settings.kmsKeyId ?? '',
    tags: Object.entries(settings.tags).map(([key, value]) => ({ key, value })),
  }
}

/** What has changed, as the API takes it: what is absent stays there, so what is gone is said. Undefined when nothing has. */
export function patchOf(job: JobView, before: JobDraft, draft: JobDraft, nowMs: number): JobPatch | undefined {
  const was = bodyOf(before, [])
  const is = bodyOf(draft, [])
  const patch: JobPatch = {}
  if (!same(was.schedule, is.schedule)) {
    const { startAt, ...rest } = is.schedule ?? {}
    patch.schedule = {
      ...rest,
      ...newStart(was.schedule?.startAt, startAt, nowMs),
      ...(was.schedule?.everyHours !== undefined && rest.everyHours === undefined ? { everyHours: null } : {}),
      ...(was.schedule?.windows && !rest.windows ? { windows: [] } : {}),
    }
    // Another schedule alone would resume it.
    if (job.state === 'paused') patch.state = 'paused'
  }
  if (!same(was.settings, is.settings)) {
    patch.settings = {
      ...is.settings,
      ...(was.settings?.kmsKeyId !== undefined && is.settings?.kmsKeyId === undefined ? { kmsKeyId: null } : {}),
      ...(was.settings?.bandwidth && !is.settings?.bandwidth ? { bandwidth: { timetable: [] } } : {}),
    }
  }
  return Object.keys(patch).length === 0 ? undefined : patch
}

/** A start that did not change is not given: it would be taken for a new one. */
function newStart(was: string | undefined, is: string | undefined, nowMs: number): { startAt?: string } {
  if (was === is) return {}
  return { startAt: is ?? new Date(nowMs).toISOString() }
}

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)

/** As an input of date and time takes it: the browser's clock, without zone. */
function localInput(iso: string): string {
  const at = new Date(iso)
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}
