// One run, live: stages, disks, what holds it up, why it failed and what to do.
import { useEffect, useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { RunView } from '../contract.ts'
import { moment, percent } from '../format.ts'
import { useAction, useResource } from '../hooks.ts'
import { type LiveRun, live, noteRun } from '../live.ts'
import { t } from '../locale/en.ts'
import { go } from '../router.ts'
import { Findings } from '../servers/server-panel.tsx'
import { useMay } from '../session.ts'
import { useStore } from '../store.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Card, Facts, PageHead, PageWithout } from '../ui/layout-parts.tsx'
import { Problem, toast } from '../ui/messages.tsx'
import { State, type StateKind } from '../ui/state.tsx'
import { RunDisks } from './run-disks.tsx'
import { isActive, type StagePlace, stagePlace, stages, totals } from './run-progress.ts'
import { RunState } from './run-state.tsx'
import { RunSteps } from './run-steps.tsx'
import { Took } from './runs-page.tsx'

export function RunPage({ id }: { id: string }) {
  const read = useResource(signal => api.run(id, signal), [id])
  const heard = useStore(live.runs).data?.find(run => run.id === id)
  const run: LiveRun | undefined = heard ?? read.data
  if (!run) return <PageWithout title={t.runs.title} error={read.error} onRetry={read.reload} />
  return (
    <>
      <PageHead
        title={t.runs.run(run.serverName)}
        crumb={{ href: '/runs', label: t.runs.allRuns }}
        actions={<RunActions run={run} />}
      >
        <RunState run={run} long />
      </PageHead>
      <Announce run={run} />
      <div class="stack loose">
        <Troubles run={run} />
        <Card title={t.runs.stages}>
          <ol class="stages">
            {stages.map(stage => {
              const place = stagePlace(run, stage)
              return (
                <li key={stage} aria-current={place === 'now' ? 'step' : undefined}>
                  <State kind={placeKinds[place]} word={`${t.runs.states[stage]}: ${t.runs.stageStates[place]}`} />
                </li>
              )
            })}
          </ol>
        </Card>
        {run.disks.length > 0 && (
          <Card title={t.runs.disks}>
            <RunDisks run={run} />
          </Card>
        )}
        {run.warnings.length > 0 && (
          <Card title={t.runs.warnings}>
            <Findings of={run.warnings} />
          </Card>
        )}
        <div class="grid">
          <RunFacts run={run} />
          {run.steps.length > 0 && (
            <Card title={t.runs.steps}>
              <RunSteps run={run} />
            </Card>
          )}
        </div>
      </div>
    </>
  )
}

const placeKinds: Record<StagePlace, StateKind> = {
  before: 'notStarted',
  now: 'inProgress',
  after: 'success',
  failed: 'error',
  stopped: 'stopped',
}

function Troubles({ run }: { run: LiveRun }) {
  const { failure, setback, retrying } = run
  const held = setback ?? retrying
  return (
    <>
      {failure && run.state === 'failed' && (
        <section aria-label={t.runs.why}>
          <Problem error={failure}>
            <Retry run={run} />
          </Problem>
        </section>
      )}
      {run.state === 'missed' && (
        <Problem kind="warning" error={failure ?? { code: 'RUN_MISSED', message: t.runs.missedTitle, hint: '' }}>
          <Retry run={run} />
        </Problem>
      )}
      {held && (
        <section aria-label={t.runs.setback} class="stack">
          <Problem kind="warning" error={held.failure} />
          <p>{setback ? t.runs.setbackGoesOn(moment(setback.resumeAt, { seconds: true })) : t.runs.setbackTrying}</p>
        </section>
      )}
    </>
  )
}

function RunActions({ run }: { run: RunView }) {
  const mayRun = useMay('operator')
  const [asked, setAsked] = useState(false)
  const { busy, error, run: act } = useAction()
  if (!mayRun) return null
  if (!isActive(run)) return run.state === 'cancelled' ? <Retry run={run} /> : null
  const cancel = async () => {
    const ok = await act(async () => noteRun(await api.cancelRun(run.id)))
    if (!ok) return
    setAsked(false)
    toast(t.runs.cancelled)
  }
  return (
    <>
      <Button danger onClick={() => setAsked(true)}>
        {t.runs.cancel}
      </Button>
      {asked && (
        <Dialog
          title={t.runs.cancelTitle}
          confirm={t.runs.cancel}
          danger
          busy={busy}
          error={error}
          onClose={() => setAsked(false)}
          onConfirm={() => void cancel()}
        >
          <p>{t.runs.cancelText}</p>
        </Dialog>
      )}
    </>
  )
}

export function Retry({ run }: { run: RunView }) {
  const mayRun = useMay('operator')
  const { busy, error, run: act } = useAction()
  if (!mayRun) return null
  const retry = () =>
    act(async () => {
      const begun = await api.retryRun(run.id)
      noteRun(begun)
      toast(t.runs.retried)
      go(`/runs/${begun.id}`)
    })
  return (
    <>
      <Button kind="primary" busy={busy} onClick={() => void retry()}>
        {t.runs.retry}
      </Button>
      {error && <Problem error={error} />}
    </>
  )
}

function RunFacts({ run }: { run: RunView }) {
  const retries = Object.entries(run.retries).map(([cause, count]) => t.runs.retriesOf(cause, count))
  return (
    <Card title={t.runs.facts}>
      <Facts
        of={[
          [
            t.runs.image,
            run.imageId && (
              <>
                <code>{run.imageId}</code>
                {run.imageRemovedAt && `, ${t.runs.imageRemoved(moment(run.imageRemovedAt))}`}
              </>
            ),
          ],
          [t.runs.snapshots, run.imageSnapshotIds.length > 0 && <code>{run.imageSnapshotIds.join(' ')}</code>],
          [t.runs.trigger, t.runs.triggers[run.trigger]],
          [t.runs.created, moment(run.createdAt, { seconds: true })],
          [t.runs.started, run.startedAt && moment(run.startedAt, { seconds: true })],
          [t.runs.ended, run.endedAt && moment(run.endedAt, { seconds: true })],
          [run.endedAt === undefined ? t.runs.runningFor : t.runs.tookLabel, run.startedAt && <Took run={run} />],
          [t.runs.resumptions, run.resumptions > 0 ? run.resumptions : undefined],
          [t.runs.retries, retries.join(', ')],
          [
            t.runs.job,
            <a key="job" href={`/jobs?job=${run.jobId}`}>
              {t.runs.toJob}
            </a>,
          ],
          [t.runs.id, <code key="id">{run.id}</code>],
        ]}
      />
    </Card>
  )
}

/** Says changes of state, and every tenth of the way: more would be noise. */
function Announce({ run }: { run: RunView }) {
  const sum = totals(run)
  const tenth = run.state === 'uploading' ? Math.floor(percent(sum.readBytes, sum.sizeBytes) / 10) * 10 : undefined
  const [text, setText] = useState('')
  useEffect(() => {
    setText(t.runs.announce(run.serverName, t.runs.states[run.state], tenth))
  }, [run.serverName, run.state, tenth])
  return (
    <div class="unseen" aria-live="polite">
      {text}
    </div>
  )
}
