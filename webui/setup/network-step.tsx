// Network and time: as the machine reports them, changed where it can be changed from here; and the proxy.
import { useEffect, useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { MachineSettings, MachineView, SystemView } from '../contract.ts'
import { moment } from '../format.ts'
import { useResource } from '../hooks.ts'
import { m } from '../locale/en-machine.ts'
import { s } from '../locale/en-setup.ts'
import { hostnameError, type NameAndTime, timeError } from '../machine/name-and-time.ts'
import {
  hasNetworkErrors,
  type NetworkDraft,
  networkDraft,
  networkErrors,
  networkOf,
  noErrors,
  sameNetwork,
} from '../machine/network-draft.ts'
import { NetworkFields } from '../machine/network-form.tsx'
import { NameAndTimeFields, saveNameAndTime } from '../machine/time-card.tsx'
import { useNetworkChange } from '../machine/use-network-change.tsx'
import { Field } from '../ui/field.tsx'
import { Facts } from '../ui/layout-parts.tsx'
import { Loading, Note, Problem } from '../ui/messages.tsx'
import { State } from '../ui/state.tsx'
import { proxyError } from './field-checks.ts'
import { StepFrame } from './step-frame.tsx'
import { useErrors } from './use-errors.tsx'

const words = s.network

/** AWS refuses signatures older than five minutes. */
const skewLimitMs = 5 * 60_000
/** Nor is it asked for anything by a clock that nothing keeps right and that is this far off. */
const unkeptSkewLimitMs = 2 * 60_000

export function NetworkStep() {
  const system = useResource(signal => api.system(signal))
  const machine = useResource(signal => api.machine(signal))
  const [url, setUrl] = useState('')
  const [username, setUsername] = useState('')
  const [password, setPassword] = useState('')
  const [proxyFailure, setProxyFailure] = useState<MachineView['proxyFailure']>()
  const own = useMachineDraft(machine.data?.settings)
  const { change, question, moving } = useNetworkChange()
  const stored = system.data?.proxy
  useEffect(() => {
    setUrl(stored?.url ?? '')
    setUsername(stored?.username ?? '')
  }, [stored?.url, stored?.username])
  const plain = { url: url.trim(), username: username.trim() }
  const changed = plain.url !== (stored?.url ?? '') || plain.username !== (stored?.username ?? '') || password !== ''
  const { shown, frame } = useErrors({
    url: proxyError(url),
    hostname: own && hostnameError(own.nameAndTime.hostname, own.stored.hostname?.name ?? ''),
    servers: own && timeError(own.nameAndTime.servers),
    network: own && hasNetworkErrors(networkErrors(own.network)) ? s.correct : undefined,
  })
  const saveMachine = async ({ stored: before, nameAndTime, network }: MachineDraft) => {
    const { hostname, time } = before
    const named = await saveNameAndTime(nameAndTime, { hostname: hostname?.name ?? '', servers: time.servers })
    const wanted = networkOf(network)
    const moved = !sameNetwork(before.network, wanted)
    if (moved && !(await change(before.network, wanted))) return false
    if (named || moved) {
      machine.reload()
      system.reload()
    }
    return true
  }
  const saveProxy = async () => {
    await api.saveProxy(
      plain.url === ''
        ? {}
        : {
            url: plain.url,
            ...(plain.username === '' ? {} : { username: plain.username }),
            ...(password === '' ? {} : { password }),
          },
    )
    setPassword('')
    system.reload()
    // AWS is reached; whether the machine itself uses the proxy is told apart, and read before one goes on.
    const failure = own && (await api.machine()).proxyFailure
    setProxyFailure(failure)
    return failure === undefined
  }
  const save = async () => {
    if (own && !(await saveMachine(own))) return false
    return changed ? await saveProxy() : true
  }
  return (
    <>
      <StepFrame step="network" save={save} {...frame}>
        <section class="stack">
          <h3>{words.machine}</h3>
          {system.data ? (
            <Machine system={system.data} />
          ) : system.error ? (
            <Problem error={system.error} onRetry={system.reload} />
          ) : (
            <Loading />
          )}
          {machine.error && <Problem error={machine.error} onRetry={machine.reload} />}
          {machine.data && !own && <Note>{m.byHand}</Note>}
        </section>
        {moving}
        {own && !moving && (
          <>
            <fieldset class="stack">
              <legend>{m.network.title}</legend>
              <NetworkFields
                draft={own.network}
                errors={shown.network === undefined ? noErrors : networkErrors(own.network)}
                onInput={own.setNetwork}
              />
            </fieldset>
            <fieldset class="stack">
              <legend>{m.hostname.title}</legend>
              <NameAndTimeFields draft={own.nameAndTime} errors={shown} onInput={own.setNameAndTime} />
            </fieldset>
          </>
        )}
        <fieldset class="stack">
          <legend>{words.proxy}</legend>
          <p class="hint">{words.proxyHint}</p>
          <Field label={words.url} placeholder={words.urlPlaceholder} value={url} onInput={setUrl} error={shown.url} />
          {url !== '' && (
            <div class="split">
              <Field label={words.username} value={username} onInput={setUsername} />
              <Field
                label={words.password}
                type="password"
                value={password}
                onInput={setPassword}
                autocomplete="new-password"
                hint={stored?.hasPassword ? words.stored : undefined}
              />
            </div>
          )}
          {proxyFailure && (
            <div class="stack">
              <p class="wrong">{m.updates.proxy}</p>
              <Problem error={proxyFailure} kind="warning" />
            </div>
          )}
        </fieldset>
      </StepFrame>
      {question}
    </>
  )
}

interface MachineDraft {
  stored: MachineSettings
  network: NetworkDraft
  nameAndTime: NameAndTime
  setNetwork: (draft: NetworkDraft) => void
  setNameAndTime: (draft: NameAndTime) => void
}

/** What is entered, over what is configured; nothing while that is not known, or cannot be changed from here. */
function useMachineDraft(stored: MachineSettings | undefined): MachineDraft | undefined {
  const [network, setNetwork] = useState<NetworkDraft>()
  const [nameAndTime, setNameAndTime] = useState<NameAndTime>()
  if (!stored) return undefined
  const { hostname, time } = stored
  return {
    stored,
    network: network ?? networkDraft(stored.network),
    nameAndTime: nameAndTime ?? { hostname: hostname?.name ?? '', servers: time.servers.join(', ') },
    setNetwork,
    setNameAndTime,
  }
}

export function Machine({ system }: { system: SystemView }) {
  const { ntp, clock } = system
  const unkept = ntp.synchronized === false
  const skewed = clock.awsSkewMs !== undefined && Math.abs(clock.awsSkewMs) > (unkept ? unkeptSkewLimitMs : skewLimitMs)
  return (
    <>
      <Facts
        of={[
          [words.hostname, system.hostname],
          [
            words.addresses,
            <ul key="addresses" class="plain">
              {system.interfaces.map(one => (
                <li key={one.name}>{words.interface(one.name, one.addresses.join(', '))}</li>
              ))}
            </ul>,
          ],
          [words.gateway, system.gateway ?? words.unknown],
          [words.dns, system.dns.join(', ') || words.unknown],
          [words.ntp, ntp.servers.join(', ') || words.unknown],
          [words.synchronized, <Clock key="clock" ntp={ntp} />],
          [words.now, moment(clock.now, { seconds: true })],
          [
            words.skew,
            clock.awsSkewMs === undefined ? (
              words.unknown
            ) : (
              <State key="skew" kind={skewed ? 'error' : 'success'} word={words.skewMs(clock.awsSkewMs)} />
            ),
          ],
        ]}
      />
      {skewed && <p class="wrong">{words.skewWrong}</p>}
      {unkept && <p class="hint">{words.unkept}</p>}
    </>
  )
}

function Clock({ ntp }: { ntp: SystemView['ntp'] }) {
  const offset = ntp.offsetMs === undefined ? '' : words.offset(ntp.offsetMs)
  if (ntp.synchronized === undefined) return <State kind="notStarted" word={words.unknown + offset} />
  return ntp.synchronized ? (
    <State kind="success" word={words.isSynchronized + offset} />
  ) : (
    <State kind="warning" word={words.notSynchronized + offset} />
  )
}
