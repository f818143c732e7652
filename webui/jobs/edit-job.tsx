// Editing a job: the same fields as when it was made.
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { JobPatch, JobView } from '../contract.ts'
import { useAction } from '../hooks.ts'
import { noteJob } from '../live.ts'
import { t } from '../locale/en.ts'
import { Dialog } from '../ui/dialog.tsx'
import { toast } from '../ui/messages.tsx'
import { ImageStep, LicenceStep, ScheduleStep } from './create-job-steps.tsx'
import { bodyOf, errorsOf, firstDraft, type JobDraft } from './job-draft.ts'

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

export function EditJob({ job, onClose }: { job: JobView; onClose: () => void }) {
  const [before] = useState(() => draftOf(job, Date.now()))
  const [draft, setDraft] = useState(before)
  const { busy, error, run } = useAction()
  const errors = { ...errorsOf('schedule', draft, 1, Date.now()), ...errorsOf('image', draft, 1, Date.now()) }
  const change = (changes: Partial<JobDraft>) => setDraft({ ...draft, ...changes })
  const save = async () => {
    const patch = patchOf(job, before, draft)
    if (!patch) return onClose()
    const ok = await run(async () => noteJob(await api.changeJob(job.id, patch)))
    if (!ok) return
    toast(t.jobs.changed)
    onClose()
  }
  return (
    <Dialog
      title={t.jobs.edit}
      confirm={t.save}
      busy={busy}
      disabled={Object.keys(errors).length > 0}
      error={error}
      onClose={onClose}
      onConfirm={() => void save()}
    >
      <ScheduleStep draft={draft} onChange={change} errors={errors} />
      <LicenceStep draft={draft} onChange={change} />
      <ImageStep draft={draft} onChange={change} errors={errors} />
    </Dialog>
  )
}

/** As an input of date and time takes it: the browser's clock, without zone. */
function localInput(iso: string): string {
  const at = new Date(iso)
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}
