// The connector: what it is to vCenter and AWS, its lease, the decision when it may not act, and those beside it.
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { ConnectorView } from '../contract.ts'
import { moment } from '../format.ts'
import { useAction, useResource } from '../hooks.ts'
import { h } from '../locale/en-dashboard.ts'
import { useMay } from '../session.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Card, Facts, PageHead } from '../ui/layout-parts.tsx'
import { EmptyState, Loading, Problem, toast } from '../ui/messages.tsx'
import { State, type StateKind } from '../ui/state.tsx'
import { AllConnectors } from './all-connectors.tsx'

const words = h.connectors
const kinds: Record<ConnectorView['state'], StateKind> = {
  active: 'success',
  readOnly: 'warning',
  unknown: 'pending',
  unregistered: 'notStarted',
}

export function ConnectorsPage() {
  const connector = useResource(signal => api.connector(signal))
  const registration = useResource(signal => api.registration(signal))
  const { data, error } = connector
  return (
    <>
      <PageHead title={words.title}>{words.text}</PageHead>
      <div class="stack loose">
        {!data && (error ? <Problem error={error} onRetry={connector.reload} /> : <Loading />)}
        {data && (
          <div class="grid">
            <Card title={words.thisOne}>
              <Facts
                of={[
                  [words.state, <State key="state" kind={kinds[data.state]} word={words.states[data.state]} />],
                  [words.id, <code key="id">{data.id}</code>],
                  [words.bucket, registration.data?.bucket && <code>{registration.data.bucket}</code>],
                  [words.account, registration.data?.accountId],
                  [
                    words.vcenter,
                    registration.data?.vcenterInstanceUuid && <code>{registration.data.vcenterInstanceUuid}</code>,
                  ],
                  [words.machine, <code key="machine">{data.thisMachineId}</code>],
                ]}
              />
              {data.state === 'unregistered' && (
                <EmptyState
                  icon="plug"
                  title={words.notRegistered}
                  action={<Button href="/setup?step=register">{words.toSetup}</Button>}
                >
                  {words.notRegisteredHint}
                </EmptyState>
              )}
            </Card>
            {data.lease && (
              <Card title={words.lease}>
                <Facts
                  of={[
                    [
                      words.holder,
                      <>
                        <code>{data.lease.machineId}</code>
                        {data.lease.machineId === data.thisMachineId && ` (${words.isThis})`}
                      </>,
                    ],
                    [words.renewed, moment(data.lease.renewedAt, { seconds: true })],
                    [words.epoch, data.lease.epoch],
                  ]}
                />
              </Card>
            )}
            {data.state === 'readOnly' && <Decision view={data} onDecided={connector.set} />}
          </div>
        )}
        <AllConnectors />
      </div>
    </>
  )
}

function Decision({ view, onDecided }: { view: ConnectorView; onDecided: (view: ConnectorView) => void }) {
  const mayDecide = useMay('administrator')
  const [asked, setAsked] = useState<'takeOver' | 'newIdentity'>()
  const { busy, error, run } = useAction()
  const decide = async () => {
    if (!asked) return
    if (!(await run(async () => onDecided(await api.decide(asked))))) return
    setAsked(undefined)
    toast(words.decided)
  }
  const texts = { takeOver: words.takeOverText, newIdentity: words.newIdentityText }
  return (
    <Card title={words.decide}>
      {view.readOnlyReason && <p>{words.reasons[view.readOnlyReason]}</p>}
      {mayDecide && (
        <div class="stack">
          {(['takeOver', 'newIdentity'] as const).map(decision => (
            <div key={decision} class="stack">
              <div>
                <Button onClick={() => setAsked(decision)}>{words[decision]}</Button>
              </div>
              <p class="hint">{texts[decision]}</p>
            </div>
          ))}
        </div>
      )}
      {asked && (
        <Dialog
          title={words[asked]}
          confirm={words[asked]}
          busy={busy}
          error={error}
          onClose={() => setAsked(undefined)}
          onConfirm={() => void decide()}
        >
          <p>{texts[asked]}</p>
        </Dialog>
      )}
    </Card>
  )
}
