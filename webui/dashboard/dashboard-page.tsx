// The dashboard: what goes on, what comes, what failed, how the appliance is, and where to turn.
import { moment } from '../format.ts'
import { live } from '../live.ts'
import { t } from '../locale/en.ts'
import { h } from '../locale/en-dashboard.ts'
import { Retry } from '../runs/run-page.tsx'
import { isActive } from '../runs/run-progress.ts'
import { RunState } from '../runs/run-state.tsx'
import { RunLine, Starting, useStarting } from '../runs/runs-page.tsx'
import { useMay } from '../session.ts'
import { useStore } from '../store.ts'
import { Button } from '../ui/button.tsx'
import { Card, PageHead } from '../ui/layout-parts.tsx'
import { Loading, Problem } from '../ui/messages.tsx'
import { ActionsCard } from './actions-card.tsx'
import { HealthCard } from './health-checks.tsx'
import { SettingsCard } from './settings-card.tsx'
import { ThroughputCard } from './throughput.tsx'

/** More than these are found on the pages of their own. */
const shown = 5

export function DashboardPage() {
  return (
    <>
      <PageHead title={h.title} />
      {/* Each card keeps to its column, whatever the others grow to. */}
      <div class="grid">
        <div class="stack loose">
          <ActiveRuns />
          <ThroughputCard />
          <Failures />
          <NextRuns />
        </div>
        <div class="stack loose">
          <HealthCard />
          <SettingsCard />
          <ActionsCard />
          <SupportCard />
        </div>
      </div>
    </>
  )
}

function ActiveRuns() {
  const { data, error } = useStore(live.runs)
  const mayRun = useMay('operator')
  const active = data?.filter(isActive) ?? []
  const starting = useStarting()
  return (
    <Card title={h.active} actions={<a href="/runs">{h.allRuns}</a>}>
      {!data && (error ? <Problem error={error} /> : <Loading />)}
      <Starting jobs={starting} />
      {data && active.length === 0 && starting.length === 0 && (
        <>
          <p class="muted">{h.noActive}</p>
          {mayRun && (
            <div>
              <Button href="/servers">{h.begin}</Button>
            </div>
          )}
        </>
      )}
      {active.length > 0 && (
        <ul class="rows">
          {active.slice(0, shown).map(run => (
            <li key={run.id}>
              <span>
                <a href={`/runs/${run.id}`}>{run.serverName}</a>
                <br />
                <RunState run={run} long />
              </span>
              <span class="grow">
                <RunLine run={run} />
              </span>
            </li>
          ))}
        </ul>
      )}
      {active.length > shown && <a href="/runs">{t.runs.shown(active.length)}</a>}
    </Card>
  )
}

function NextRuns() {
  const { data } = useStore(live.jobs)
  const next = (data ?? [])
    .filter(job => job.state === 'active' && job.nextRunAt !== undefined)
    .sort((a, b) => (a.nextRunAt ?? '').localeCompare(b.nextRunAt ?? ''))
    .slice(0, shown)
  return (
    <Card title={h.nextRuns} actions={<a href="/jobs">{h.allJobs}</a>}>
      {next.length === 0 ? (
        <p class="muted">{h.noNext}</p>
      ) : (
        <ul class="rows">
          {next.map(job => (
            <li key={job.id}>
              <a href={`/jobs?job=${job.id}`}>{job.serverName}</a>
              <span>{moment(job.nextRunAt ?? '')}</span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}

function Failures() {
  const { data } = useStore(live.runs)
  const failed = (data ?? []).filter(run => run.state === 'failed').slice(0, 3)
  return (
    <Card title={h.failures}>
      {failed.length === 0 && <p class="muted">{h.noFailures}</p>}
      {failed.map(run => (
        <div key={run.id} class="problem">
          <div class="head">
            <a href={`/runs/${run.id}`}>{run.serverName}</a>
            <span class="muted">{moment(run.endedAt ?? run.createdAt)}</span>
          </div>
          {run.failure && (
            <>
              <div>{run.failure.message}</div>
              <div>{run.failure.hint}</div>
              <div class="muted">
                {t.code} <code>{run.failure.code}</code>
              </div>
            </>
          )}
          <div class="buttons">
            <Retry run={run} />
          </div>
        </div>
      ))}
    </Card>
  )
}

function SupportCard() {
  return (
    <Card title={h.support.title}>
      <div class="buttons">
        <Button href="/api/support/bundle" download>
          {h.support.bundle}
        </Button>
        <Button href="/support/documentation">{h.support.documentation}</Button>
        <Button href="/support/report">{h.support.report}</Button>
        <Button href="/support/logs">{h.support.logs}</Button>
      </div>
    </Card>
  )
}
