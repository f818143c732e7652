// The machine under the appliance: network, name and time, SSH, updates, restart, factory reset.
import { api } from '../api.ts'
import type { MachineSettings, MachineView } from '../contract.ts'
import { useResource } from '../hooks.ts'
import { m } from '../locale/en-machine.ts'
import { s } from '../locale/en-setup.ts'
import { NetworkCard } from '../machine/network-card.tsx'
import { ResetCard } from '../machine/reset-card.tsx'
import { RestartCard } from '../machine/restart-card.tsx'
import { SwitchCard } from '../machine/switch-card.tsx'
import { TimeCard } from '../machine/time-card.tsx'
import { Machine } from '../setup/network-step.tsx'
import { Card } from '../ui/layout-parts.tsx'
import { Loading, Note, Problem } from '../ui/messages.tsx'

export function AppliancePart() {
  const machine = useResource(signal => api.machine(signal))
  const system = useResource(signal => api.system(signal))
  const reload = () => {
    machine.reload()
    system.reload()
  }
  return (
    <div class="stack loose">
      {machine.data?.findings.length ? <Findings of={machine.data.findings} /> : null}
      <Card title={s.network.machine}>
        {system.data ? (
          <Machine system={system.data} />
        ) : system.error ? (
          <Problem error={system.error} onRetry={system.reload} />
        ) : (
          <Loading />
        )}
      </Card>
      {machine.error && <Problem error={machine.error} onRetry={machine.reload} />}
      {!machine.data && !machine.error && <Loading />}
      {machine.data && !machine.data.settings && <Note>{m.byHand}</Note>}
      {machine.data?.settings && (
        <Cards
          settings={machine.data.settings}
          view={machine.data}
          startedAt={system.data?.startedAt}
          onChanged={reload}
        />
      )}
    </div>
  )
}

function Findings({ of }: { of: MachineView['findings'] }) {
  return (
    <Card title={m.findings}>
      <ul class="plain">
        {of.map(({ about, text }) => (
          <li key={about + text}>
            <strong>{about}</strong>: {text}
          </li>
        ))}
      </ul>
    </Card>
  )
}

interface CardsProps {
  settings: MachineSettings
  view: MachineView
  startedAt: string | undefined
  onChanged: () => void
}

function Cards({ settings, view, startedAt, onChanged }: CardsProps) {
  return (
    <>
      <NetworkCard stored={settings.network} onChanged={onChanged} />
      <TimeCard hostname={settings.hostname?.name ?? ''} servers={settings.time.servers} onChanged={onChanged} />
      <div class="grid">
        <SwitchCard
          words={m.ssh}
          enabled={settings.ssh.enabled}
          warnsOf={true}
          onSwitch={api.switchSsh}
          onChanged={onChanged}
          mayEnable={view.sshKey === true}
        >
          <SshKeys view={view} enabled={settings.ssh.enabled} />
        </SwitchCard>
        <SwitchCard
          words={m.updates}
          enabled={settings.updates.enabled}
          warnsOf={false}
          onSwitch={api.switchUpdates}
          onChanged={onChanged}
        >
          {view.proxyFailure && (
            <div class="stack">
              <p class="wrong">{m.updates.proxy}</p>
              <Problem error={view.proxyFailure} kind="warning" />
            </div>
          )}
        </SwitchCard>
        <RestartCard startedAt={startedAt} onBack={onChanged} />
        <ResetCard />
      </div>
    </>
  )
}

/** Who may sign in by SSH, also asked before it is switched on. Only a deployment says who: ADR 0006. */
function SshKeys({ view, enabled }: { view: MachineView; enabled: boolean }) {
  if (!view.sshKey) return <Note>{enabled ? m.ssh.noKeyAndOn : m.ssh.noKey}</Note>
  return (
    <ul class="plain">
      {(view.sshKeys ?? []).map(({ kind, bits, fingerprint, comment }) => (
        <li key={fingerprint}>
          {m.ssh.key(kind, bits)} {comment}
          <br />
          <code class="wrap">{fingerprint}</code>
        </li>
      ))}
    </ul>
  )
}
