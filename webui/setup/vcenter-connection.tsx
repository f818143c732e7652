// How vCenter answers now, and what its account needs.
import { api } from '../api.ts'
import type { VcenterSettingsView } from '../contract.ts'
import { moment } from '../format.ts'
import { useResource } from '../hooks.ts'
import { s } from '../locale/en-setup.ts'
import { Button } from '../ui/button.tsx'
import { Facts } from '../ui/layout-parts.tsx'
import { Problem } from '../ui/messages.tsx'
import { State } from '../ui/state.tsx'
import { MissingList } from './missing-list.tsx'

const words = s.vcenter

/** Asked when it is shown and whenever somebody wants to know: what was true once is not told as true. */
export function VcenterConnection({ trust }: { trust: VcenterSettingsView['trust'] }) {
  const { data, error, loading, reload } = useResource(signal => api.vcenterIdentity(signal))
  const now = loading || error ? undefined : data
  return (
    <section class="stack" aria-live="polite">
      <h3>{words.connection}</h3>
      {loading && <State kind="inProgress" word={words.checking} />}
      {error && !loading && (
        <>
          <State kind="error" word={words.notConnected} />
          <Problem error={error} />
        </>
      )}
      {now && (
        <>
          <State kind="success" word={words.connected(moment(now.checkedAt, { seconds: true }))} />
          <Facts
            of={[
              [words.version, now.version],
              [words.instance, <code key="instance">{now.instanceUuid}</code>],
              [words.certificate, words.trustKept(trust)],
            ]}
          />
          {now.missingPrivileges.length === 0 ? (
            <State kind="success" word={words.noneMissing} />
          ) : (
            <MissingList
              title={words.missing(now.missingPrivileges.length)}
              names={now.missingPrivileges}
              hint={words.missingNext}
            />
          )}
        </>
      )}
      <div>
        <Button icon="turn" busy={loading} onClick={reload}>
          {words.recheck}
        </Button>
      </div>
    </section>
  )
}

export function VcenterPrivileges() {
  const { data } = useResource(signal => api.vcenterPrivileges(signal))
  if (!data) return null
  return (
    <details>
      <summary>{words.privileges}</summary>
      <div class="stack inset">
        <p>{words.privilegesText}</p>
        <ul>
          {data.items.map(({ id, purpose }) => (
            <li key={id}>
              <code>{id}</code>: {purpose}
            </li>
          ))}
        </ul>
      </div>
    </details>
  )
}
