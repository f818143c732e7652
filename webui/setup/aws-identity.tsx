// Who the stored credentials are, and what they may not do.
import { useLayoutEffect, useRef } from 'preact/hooks'
import { api } from '../api.ts'
import { useResource } from '../hooks.ts'
import { s } from '../locale/en-setup.ts'
import { Button } from '../ui/button.tsx'
import { Facts } from '../ui/layout-parts.tsx'
import { Loading, Note, Problem } from '../ui/messages.tsx'
import { State } from '../ui/state.tsx'
import { MissingList } from './missing-list.tsx'

const words = s.aws

/** `fresh`: they were saved just now, and this is what is to be read. */
export function AwsIdentityPart({ fresh }: { fresh: boolean }) {
  const heading = useRef<HTMLHeadingElement>(null)
  useLayoutEffect(() => {
    if (fresh) heading.current?.focus()
  }, [fresh])
  const identity = useResource(signal => api.awsIdentity(signal))
  const { data, error, loading } = identity
  return (
    <section class="stack" aria-live="polite">
      <h3 ref={heading} tabIndex={-1}>
        {words.who}
      </h3>
      {fresh && <Note>{words.saved}</Note>}
      {!data && (error ? <Problem error={error} onRetry={identity.reload} /> : <Loading />)}
      {data && (
        <>
          <Facts
            of={[
              [words.account, data.accountId],
              [words.arn, <code key="arn">{data.arn}</code>],
            ]}
          />
          {data.missingActions.length === 0 ? (
            <State kind="success" word={words.noneMissing} />
          ) : (
            <MissingList
              title={words.missing(data.missingActions.length)}
              names={data.missingActions}
              hint={words.missingNext}
            />
          )}
          {data.uncheckedActions.length > 0 && (
            <details>
              <summary>{words.unchecked}</summary>
              <ul>
                {data.uncheckedActions.map(action => (
                  <li key={action}>
                    <code>{action}</code>
                  </li>
                ))}
              </ul>
            </details>
          )}
          <div>
            <Button icon="turn" busy={loading} onClick={identity.reload}>
              {words.recheck}
            </Button>
          </div>
        </>
      )}
    </section>
  )
}
