// The create-job wizard: servers, licence, schedule, image, review.
import { useEffect, useMemo, useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { JobsAnswer } from '../contract.ts'
import { useAction, useResource } from '../hooks.ts'
import { live, loadJobs } from '../live.ts'
import { t } from '../locale/en.ts'
import { go } from '../router.ts'
import { chosenServers } from '../servers/chosen.ts'
import { readServers, serverList } from '../servers/server-list.ts'
import type { ServerRow } from '../servers/server-rows.ts'
import { useStore } from '../store.ts'
import { Button } from '../ui/button.tsx'
import { PageHead } from '../ui/layout-parts.tsx'
import { EmptyState, Loading, Problem, toast } from '../ui/messages.tsx'
import { Wizard } from '../ui/wizard.tsx'
import { ImageStep, LicenceStep } from './create-job-steps.tsx'
import { adviseMethod } from './image-method.ts'
import { bodyOf, type DraftStep, draftSteps, errorsOf, firstDraft, type JobDraft } from './job-draft.ts'
import { reviewOf } from './job-review.ts'
import { ScheduleStep } from './schedule-step.tsx'
import { ServersStep } from './servers-step.tsx'
import { sortOut } from './sort-out.ts'

const crumb = { href: '/servers', label: t.servers.title }

export function CreateJobPage() {
  const catalog = useStore(live.catalog).data
  const version = catalog && `${catalog.state} ${catalog.endedAt} ${catalog.servers}`
  const list = useStore(serverList)
  useEffect(() => {
    if (version !== undefined) void readServers(version)
  }, [version])
  const [answer, setAnswer] = useState<JobsAnswer>()
  return (
    <>
      <PageHead title={t.create.title} crumb={crumb} />
      {answer ? (
        <Refused answer={answer} />
      ) : list.rows.length > 0 ? (
        <CreateJob onAnswer={setAnswer} />
      ) : list.error ? (
        <Problem error={list.error} onRetry={() => version && void readServers(version)} />
      ) : list.reading && catalog?.state !== 'empty' ? (
        <Loading />
      ) : (
        <EmptyState
          icon="server"
          title={t.create.noServers}
          action={<Button href="/servers">{t.create.toServers}</Button>}
        >
          {t.create.noServersHint}
        </EmptyState>
      )}
    </>
  )
}

function CreateJob({ onAnswer }: { onAnswer: (answer: JobsAnswer) => void }) {
  const chosen = useStore(chosenServers)
  const { rows } = useStore(serverList)
  const jobs = useStore(live.jobs).data
  const sorted = useMemo(() => sortOut(rows, chosen, jobs ?? []), [rows, chosen, jobs])
  const [kept, setKept] = useState<JobDraft>(() => firstDraft(Intl.DateTimeFormat().resolvedOptions().timeZone))
  const [methodChosen, setMethodChosen] = useState(false)
  const advice = useMemo(() => adviseMethod(sorted.usable), [sorted])
  const draft = methodChosen ? kept : { ...kept, imageMethod: advice.method }
  const [step, setStep] = useState<DraftStep>('servers')
  const [reached, setReached] = useState(0)
  const [tried, setTried] = useState(false)
  const create = useAction()
  const at = draftSteps.indexOf(step)
  const errors = errorsOf(step, draft, sorted.usable.length, Date.now())
  const shownErrors = tried ? errors : {}
  const change = (changes: Partial<JobDraft>) => {
    setKept({ ...kept, ...changes })
    if (changes.imageMethod !== undefined) setMethodChosen(true)
  }
  const toStep = (next: DraftStep) => {
    setTried(false)
    setStep(next)
    create.clear()
  }
  const submit = async () => {
    await create.run(async () => {
      const answer = await api.createJobs(
        bodyOf(
          draft,
          sorted.usable.map(({ id }) => id),
        ),
      )
      await loadJobs()
      chosenServers.set(new Set())
      if (answer.refused.length > 0) return onAnswer(answer)
      toast(t.create.created(answer.created.length))
      go(draft.when === 'now' ? '/runs' : '/jobs')
    })
  }
  const next = () => {
    if (Object.keys(errors).length > 0) return setTried(true)
    const following = draftSteps[at + 1]
    if (following === undefined) return void submit()
    setReached(Math.max(reached, at + 1))
    toStep(following)
  }
  const before = draftSteps[at - 1]
  return (
    <Wizard
      label={t.create.stepsLabel}
      steps={draftSteps.map((id, index) => ({
        id,
        title: t.create.steps[id],
        done: index < Math.max(reached, at),
        open: index <= reached,
      }))}
      current={step}
      onGo={id => toStep(id as DraftStep)}
      onBack={before && (() => toStep(before))}
      onNext={next}
      next={step === 'review' ? t.create.act(sorted.usable.length) : t.next}
      busy={create.busy}
      error={create.error}
    >
      {step === 'servers' && <ServersStep sorted={sorted} error={shownErrors.servers} />}
      {step === 'licence' && <LicenceStep draft={draft} onChange={change} />}
      {step === 'schedule' && <ScheduleStep draft={draft} onChange={change} errors={shownErrors} />}
      {step === 'image' && <ImageStep draft={draft} onChange={change} errors={shownErrors} methodHint={advice.why} />}
      {step === 'review' && <Review draft={draft} rows={sorted.usable} />}
    </Wizard>
  )
}

function Review({ draft, rows }: { draft: JobDraft; rows: readonly ServerRow[] }) {
  const policy = useResource(signal => api.policy(signal))
  return (
    <>
      <p class="muted">{t.create.whatHappens}</p>
      {reviewOf(draft, rows, policy.data).map(({ title, sentences }) => (
        <section key={title} class="stack">
          <h3>{title}</h3>
          <ul class="stack">
            {sentences.map((sentence, index) => (
              <li key={index}>{sentence}</li>
            ))}
          </ul>
        </section>
      ))}
      {policy.error && <Problem error={policy.error} onRetry={policy.reload} />}
    </>
  )
}

/** Some were refused: which, why, and where to go on. */
function Refused({ answer }: { answer: JobsAnswer }) {
  const { rows } = useStore(serverList)
  const nameOf = (id: string) => rows.find(row => row.id === id)?.name ?? id
  return (
    <div class="stack loose">
      <h2>{t.create.partly(answer.created.length, answer.refused.length)}</h2>
      <h3>{t.create.refusedTitle}</h3>
      {answer.refused.map(refusal => (
        <div key={refusal.serverId} class="stack">
          <strong>{nameOf(refusal.serverId)}</strong>
          <Problem error={refusal} />
        </div>
      ))}
      <div class="buttons">
        <Button href="/jobs">{t.jobs.title}</Button>
        <Button href="/runs">{t.create.toRuns}</Button>
      </div>
    </div>
  )
}
