// One job: its schedule and settings, its last run, and what can be done with it.
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { JobView, RunView } from '../contract.ts'
import { moment } from '../format.ts'
import { useAction } from '../hooks.ts'
import { forgetJob, noteJob, noteRun } from '../live.ts'
import { t } from '../locale/en.ts'
import { go } from '../router.ts'
import { RunState } from '../runs/run-state.tsx'
import { useMay } from '../session.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Check } from '../ui/field.tsx'
import { Facts, SidePanel } from '../ui/layout-parts.tsx'
import { Problem, toast } from '../ui/messages.tsx'
import { EditJob } from './edit-job.tsx'
import { JobState } from './jobs-page.tsx'
import { bandwidthWords, encryptionWords, missedWords, repeatWords, windowsWords } from './schedule-words.ts'

const words = t.jobs.facts

export function JobPanel({
  job,
  lastRun,
  onClose,
}: {
  job: JobView
  lastRun: RunView | undefined
  onClose: () => void
}) {
  const mayRun = useMay('operator')
  const { schedule, settings } = job
  const limited = settings.bandwidth?.bytesPerSecond !== undefined || settings.bandwidth?.timetable.length
  const zone = schedule.timeZone === undefined ? {} : { zone: schedule.timeZone }
  return (
    <SidePanel title={job.serverName} onClose={onClose}>
      <JobState job={job} lastRun={lastRun} long />
      {job.pausedBecause !== undefined && (
        <Problem kind="warning" error={{ code: 'JOB_PAUSED', message: t.jobs.pausedBy, hint: job.pausedBecause }} />
      )}
      {mayRun && <JobActions job={job} onClose={onClose} />}
      <section class="stack">
        <h3>{t.jobs.panel.schedule}</h3>
        <Facts
          of={[
            [words.next, job.state === 'active' && job.nextRunAt ? moment(job.nextRunAt, zone) : t.jobs.noNext],
            [words.repeats, repeatWords(schedule)],
            [words.first, moment(schedule.startAt, zone)],
            [words.zone, schedule.timeZone],
            [words.missed, schedule.whenMissed && missedWords(schedule)[schedule.whenMissed]],
            [words.windows, schedule.windows && windowsWords(schedule.windows)],
          ]}
        />
      </section>
      <section class="stack">
        <h3>{t.jobs.panel.image}</h3>
        <Facts
          of={[
            [words.method, t.methods[settings.imageMethod]],
            [words.licence, t.licences[settings.licence]],
            [words.encrypted, encryptionWords(settings)],
            [words.retention, settings.retention],
            [words.bandwidth, limited && bandwidthWords(settings.bandwidth)],
            [
              words.tags,
              Object.entries(settings.tags)
                .map(([key, value]) => `${key}=${value}`)
                .join(', '),
            ],
            [words.created, moment(job.createdAt)],
          ]}
        />
      </section>
      <section class="stack">
        <h3>{t.jobs.panel.runs}</h3>
        {lastRun ? (
          <a href={`/runs/${lastRun.id}`}>
            <RunState run={lastRun} />
          </a>
        ) : (
          <span class="muted">{t.jobs.noRun}</span>
        )}
        <a href={`/runs?job=${job.id}`}>{t.jobs.panel.allRuns}</a>
      </section>
    </SidePanel>
  )
}

function JobActions({ job, onClose }: { job: JobView; onClose: () => void }) {
  const { busy, error, run } = useAction()
  const [asked, setAsked] = useState<'edit' | 'delete'>()
  const start = () =>
    run(async () => {
      const begun = await api.startRun(job.id)
      noteRun(begun)
      toast(t.jobs.started(job.serverName))
      go(`/runs/${begun.id}`)
    })
  const paused = job.state === 'paused'
  const toggle = () =>
    run(async () => {
      noteJob(await (paused ? api.resumeJob(job.id) : api.pauseJob(job.id)))
      toast(paused ? t.jobs.resumed(job.serverName) : t.jobs.paused(job.serverName))
    })
  return (
    <>
      <div class="buttons">
        <Button kind="primary" busy={busy} onClick={() => void start()}>
          {t.jobs.start}
        </Button>
        {job.state !== 'ended' && (
          <Button busy={busy} onClick={() => void toggle()}>
            {paused ? t.jobs.resume : t.jobs.pause}
          </Button>
        )}
        <Button onClick={() => setAsked('edit')}>{t.edit}</Button>
        <Button danger onClick={() => setAsked('delete')}>
          {t.remove}
        </Button>
      </div>
      {error && <Problem error={error} />}
      {asked === 'edit' && <EditJob job={job} onClose={() => setAsked(undefined)} />}
      {asked === 'delete' && <DeleteJob job={job} onClose={() => setAsked(undefined)} onDeleted={onClose} />}
    </>
  )
}

function DeleteJob({ job, onClose, onDeleted }: { job: JobView; onClose: () => void; onDeleted: () => void }) {
  const [images, setImages] = useState(false)
  const { busy, error, run } = useAction()
  const remove = async () => {
    const ok = await run(() => api.deleteJob(job.id, images))
    if (!ok) return
    forgetJob(job.id)
    toast(t.jobs.removed(job.serverName))
    onDeleted()
  }
  return (
    <Dialog
      title={t.jobs.removeTitle(job.serverName)}
      confirm={t.jobs.remove}
      danger
      busy={busy}
      error={error}
      onClose={onClose}
      onConfirm={() => void remove()}
    >
      <p>{t.jobs.removeText}</p>
      <Check label={t.jobs.removeImages} hint={t.jobs.removeImagesHint} checked={images} onInput={setImages} />
    </Dialog>
  )
}
