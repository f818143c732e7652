// Editing a job: the same fields as when it was made.
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { JobView } from '../contract.ts'
import { useAction } from '../hooks.ts'
import { noteJob } from '../live.ts'
import { t } from '../locale/en.ts'
import { Dialog } from '../ui/dialog.tsx'
import { toast } from '../ui/messages.tsx'
import { ImageStep, LicenceStep } from './create-job-steps.tsx'
import { errorsOf, type JobDraft } from './job-draft.ts'
import { draftOf, hasBegun, patchOf } from './job-edit.ts'
import { ScheduleStep } from './schedule-step.tsx'

export function EditJob({ job, onClose }: { job: JobView; onClose: () => void }) {
  const [before] = useState(() => draftOf(job, Date.now()))
  const [draft, setDraft] = useState(before)
  const { busy, error, run } = useAction()
  const errors = { ...errorsOf('schedule', draft, 1, Date.now()), ...errorsOf('image', draft, 1, Date.now()) }
  const change = (changes: Partial<JobDraft>) => setDraft({ ...draft, ...changes })
  const save = async () => {
    const patch = patchOf(job, before, draft, Date.now())
    if (!patch) return onClose()
    const ok = await run(async () => noteJob(await api.changeJob(job.id, patch)))
    if (!ok) return
    toast(t.jobs.changed)
    onClose()
  }
  return (
    <Dialog
      title={t.jobs.edit(job.serverName)}
      confirm={t.save}
      busy={busy}
      disabled={Object.keys(errors).length > 0}
      error={error}
      onClose={onClose}
      onConfirm={() => void save()}
    >
      <ScheduleStep
        draft={draft}
        onChange={change}
        errors={errors}
        edited={hasBegun(job, Date.now()) ? { begunAt: job.schedule.startAt } : {}}
      />
      <LicenceStep draft={draft} onChange={change} />
      <ImageStep draft={draft} onChange={change} errors={errors} />
    </Dialog>
  )
}
