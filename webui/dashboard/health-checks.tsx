// General health: each check with its last result, time, cause and what to do.
import { useEffect, useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { HealthCheck, HealthView } from '../contract.ts'
import { moment } from '../format.ts'
import { useAction } from '../hooks.ts'
import { live, loadHealth } from '../live.ts'
import { h } from '../locale/en-dashboard.ts'
import { useStore } from '../store.ts'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/layout-parts.tsx'
import { EmptyState, Loading, Problem } from '../ui/messages.tsx'
import { State } from '../ui/state.tsx'
import { lastAnswer } from './last-answer.ts'

const words = h.health
const groups = ['network', 'vcenter', 'aws', 'appliance'] as const

/** Errors and warnings at once; all when asked for. */
export function HealthCard() {
  const { data, error } = useStore(live.health)
  const [all, setAll] = useState(false)
  useEffect(() => void loadHealth(), [])
  const checks = data?.checks ?? []
  const errors = checks.filter(({ state }) => state === 'error')
  const warnings = checks.filter(({ state }) => state === 'warning')
  const succeeded = checks.filter(({ state }) => state === 'success').length
  const untried = succeeded + errors.length + warnings.length === 0
  const worst = errors.length > 0 ? 'error' : warnings.length > 0 ? 'warning' : 'success'
  return (
    <Card title={words.title} actions={<RunChecks />}>
      {!data && (error ? <Problem error={error} onRetry={() => void loadHealth()} /> : <Loading />)}
      {data && !untried && (
        <>
          <State
            kind={worst}
            word={worst === 'success' ? words.all(succeeded) : words.not(errors.length, warnings.length)}
          />
          <LastChecked view={data} />
          <CheckList checks={all ? checks : [...errors, ...warnings]} />
          {!all && (
            <div>
              <Button onClick={() => setAll(true)}>{words.showAll(checks.length)}</Button>
            </div>
          )}
        </>
      )}
      {data && untried && <Nothing />}
    </Card>
  )
}

/** All of them, by group. */
export function HealthChecks({ runAtOnce = false }: { runAtOnce?: boolean }) {
  const { data, error } = useStore(live.health)
  useEffect(() => {
    void loadHealth().then(() => {
      // A check that cannot be begun shows as it was: the button says why.
      if (runAtOnce) api.runHealth().catch(() => undefined)
    })
  }, [runAtOnce])
  if (!data) return error ? <Problem error={error} onRetry={() => void loadHealth()} /> : <Loading />
  return (
    <div class="stack loose">
      <div class="buttons">
        <RunChecks />
        <LastChecked view={data} />
      </div>
      {data.checks.length === 0 && <Nothing />}
      {groups.map(group => {
        const checks = data.checks.filter(check => check.group === group)
        return (
          checks.length > 0 && (
            <section key={group} class="stack" aria-label={words.groups[group]}>
              <h3>{words.groups[group]}</h3>
              <CheckList checks={checks} />
            </section>
          )
        )
      })}
    </div>
  )
}

function LastChecked({ view }: { view: HealthView }) {
  const at = lastAnswer(view)
  return at === undefined ? null : <p class="hint">{words.at(moment(at, { seconds: true }))}</p>
}

function RunChecks() {
  const { data } = useStore(live.health)
  const { busy, error, run } = useAction()
  const running = data?.running === true || data?.checks.some(({ state }) => state === 'inProgress') === true
  return (
    <>
      <Button icon="turn" busy={busy || running} onClick={() => void run(api.runHealth)}>
        {running ? words.running : words.run}
      </Button>
      {error && <Problem error={error} />}
    </>
  )
}

function CheckList({ checks }: { checks: readonly HealthCheck[] }) {
  if (checks.length === 0) return null
  return (
    <ul class="rows">
      {checks.map(check => (
        <li key={check.id}>
          <span>
            <State kind={check.state} word={check.title} />
            {check.cause && <div class="cause">{check.cause}</div>}
            {check.fix && <div class="cause muted">{check.fix}</div>}
          </span>
          <span class="hint number">
            {check.at && moment(check.at)}
            {check.tookMs !== undefined && `, ${words.took(check.tookMs)}`}
          </span>
        </li>
      ))}
    </ul>
  )
}

function Nothing() {
  return (
    <EmptyState icon="check" title={words.none}>
      {words.noneHint}
    </EmptyState>
  )
}
