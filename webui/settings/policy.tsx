// The policy: bandwidth, blackouts and limits of all jobs.
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { Policy } from '../contract.ts'
import { useAction, useResource } from '../hooks.ts'
import { t } from '../locale/en.ts'
import { c } from '../locale/en-settings.ts'
import { useMay } from '../session.ts'
import { Button } from '../ui/button.tsx'
import { Check, Field } from '../ui/field.tsx'
import { Card } from '../ui/layout-parts.tsx'
import { Loading, Problem, toast } from '../ui/messages.tsx'
import { BandwidthFields, WindowList } from '../ui/window-fields.tsx'
import { draftOf, type PolicyDraft, policyOf } from './policy-draft.ts'

const words = c.policy

export function PolicyPart() {
  const policy = useResource(signal => api.policy(signal))
  if (!policy.data) return policy.error ? <Problem error={policy.error} onRetry={policy.reload} /> : <Loading />
  return <PolicyForm stored={policy.data} />
}

function PolicyForm({ stored }: { stored: Policy }) {
  const mayChange = useMay('administrator')
  const [draft, setDraft] = useState(() => draftOf(stored))
  const { busy, error, run } = useAction()
  const policy = policyOf(draft)
  const change = (changes: Partial<PolicyDraft>) => setDraft({ ...draft, ...changes })
  const save = async () => {
    if (!policy) return
    if (await run(async () => setDraft(draftOf(await api.savePolicy(policy))))) toast(t.saved)
  }
  return (
    <form
      class="stack loose"
      onSubmit={event => {
        event.preventDefault()
        void save()
      }}
    >
      <p>{words.text}</p>
      <Field
        class="narrow"
        label={words.zone}
        value={draft.timeZone}
        onInput={timeZone => change({ timeZone })}
        suggestions={Intl.supportedValuesOf('timeZone')}
      />
      <Card title={words.bandwidth}>
        <BandwidthFields draft={draft.bandwidth} onInput={bandwidth => change({ bandwidth })} />
      </Card>
      <Card title={words.blackouts}>
        <p class="hint">{words.blackoutsHint}</p>
        <WindowList
          entries={draft.blackouts}
          onInput={blackouts => change({ blackouts })}
          add={words.addBlackout}
          fresh={window => ({ window, holdTransfers: false })}
          more={(entry, put) => (
            <Check
              label={words.hold}
              checked={entry.holdTransfers}
              onInput={holdTransfers => put({ ...entry, holdTransfers })}
            />
          )}
        />
      </Card>
      <Card title={words.limits}>
        <p class="hint">{words.floorHint}</p>
        <div class="split">
          <Field
            type="number"
            min={0}
            max={90}
            label={words.floorPercent}
            value={draft.floorPercent}
            onInput={floorPercent => change({ floorPercent })}
          />
          <Field label={words.floorGiB} value={draft.floorGiB} onInput={floorGiB => change({ floorGiB })} />
          <Field
            type="number"
            min={0}
            max={1000}
            label={words.pauseAfter}
            hint={words.pauseHint}
            value={draft.pauseAfterFailures}
            onInput={pauseAfterFailures => change({ pauseAfterFailures })}
          />
          <Field
            type="number"
            min={1}
            max={8760}
            label={words.snapshotAge}
            value={draft.snapshotAgeHours}
            onInput={snapshotAgeHours => change({ snapshotAgeHours })}
          />
        </div>
      </Card>
      {!policy && <p class="wrong">{words.wrong}</p>}
      {error && <Problem error={error} />}
      {mayChange && (
        <div>
          <Button type="submit" kind="primary" busy={busy} disabled={!policy}>
            {t.save}
          </Button>
        </div>
      )}
    </form>
  )
}
