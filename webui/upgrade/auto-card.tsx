// What happens by itself: whether newer releases are looked for, where, and when they are installed.
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { UpgradeView } from '../contract.ts'
import { moment } from '../format.ts'
import { useAction } from '../hooks.ts'
import { windowsWords } from '../jobs/schedule-words.ts'
import { actOnUpgrade } from '../live.ts'
import { t } from '../locale/en.ts'
import { u } from '../locale/en-upgrade.ts'
import { Button } from '../ui/button.tsx'
import { Check, Choice, Field } from '../ui/field.tsx'
import { Card, Facts } from '../ui/layout-parts.tsx'
import { Problem, toast } from '../ui/messages.tsx'
import { windowIsWrong } from '../ui/window-draft.ts'
import { WindowList } from '../ui/window-fields.tsx'
import { mayBeBundleUrl } from './bundle-url.ts'

type Auto = UpgradeView['auto']

export function AutoCard({ view: { auto } }: { view: UpgradeView }) {
  const [draft, setDraft] = useState<Pick<Auto, 'enabled' | 'source' | 'windows'>>(auto)
  const { busy, error, run } = useAction()
  const { enabled, source, windows } = draft
  const urlIsWrong = source.kind === 'url' && !mayBeBundleUrl(source.url)
  const save = async () => {
    // What is not shown is not changed either.
    const body = enabled ? { enabled, source, windows } : { enabled, source: auto.source, windows: auto.windows }
    if (await run(() => actOnUpgrade(() => api.saveAutoUpgrade(body)))) toast(t.saved)
  }
  return (
    <Card title={u.auto}>
      <Check label={u.autoOn} hint={u.autoHint} checked={enabled} onInput={on => setDraft({ ...draft, enabled: on })} />
      {enabled && (
        <>
          <Choice
            legend={u.source}
            value={source.kind}
            onInput={kind => setDraft({ ...draft, source: kind === 'url' ? { kind, url: '' } : { kind } })}
            options={[
              { value: 'bucket', label: u.sources.bucket },
              { value: 'url', label: u.sources.url },
            ]}
          />
          {source.kind === 'url' && (
            <Field
              label={u.urlLabel}
              hint={u.autoUrlHint}
              value={source.url}
              onInput={url => setDraft({ ...draft, source: { kind: 'url', url } })}
              placeholder="https://"
              maxLength={2048}
              error={source.url !== '' && urlIsWrong ? u.urlWrong : undefined}
            />
          )}
          <h3>{u.windows}</h3>
          <p class="hint">{u.windowsHint(auto.timeZone)}</p>
          <WindowList
            entries={windows.map(window => ({ window }))}
            onInput={entries => setDraft({ ...draft, windows: entries.map(({ window }) => window) })}
            add={u.addWindow}
            fresh={window => ({ window })}
          />
        </>
      )}
      <Facts of={plan(auto)} />
      {error && <Problem error={error} />}
      <div>
        <Button
          kind="primary"
          busy={busy}
          disabled={enabled && (urlIsWrong || windows.some(windowIsWrong))}
          onClick={() => void save()}
        >
          {t.save}
        </Button>
      </div>
    </Card>
  )
}

/** For those who may not change it. */
export function AutoFacts({ view: { auto } }: { view: UpgradeView }) {
  const { enabled, source, windows, timeZone } = auto
  return (
    <Card title={u.auto}>
      <Facts
        of={[
          [t.state, enabled ? u.autoState.on : u.autoState.off],
          // Path and query may be what opens it.
          [u.source, enabled && (source.kind === 'url' ? u.at(new URL(source.url).host) : u.sources.bucket)],
          [u.windows, enabled && (windowsWords(windows) || u.anyTime)],
          [u.zone, enabled && windows.length > 0 && timeZone],
          ...plan(auto),
        ]}
      />
    </Card>
  )
}

function plan({ next, lastLookAt }: Auto): [string, string | undefined][] {
  return [
    [u.next, next.do === 'nothing' ? u.nothing[next.why] : u.upgradeAt(next.to, moment(next.at))],
    [u.lookedAt, lastLookAt && moment(lastLookAt)],
  ]
}
