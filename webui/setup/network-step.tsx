// What the machine says of its network and clock, and the proxy.
import { useEffect, useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { SystemView } from '../contract.ts'
import { moment } from '../format.ts'
import { useResource } from '../hooks.ts'
import { s } from '../locale/en-setup.ts'
import { Field } from '../ui/field.tsx'
import { Facts } from '../ui/layout-parts.tsx'
import { Loading, Problem } from '../ui/messages.tsx'
import { State } from '../ui/state.tsx'
import { proxyError } from './field-checks.ts'
import { StepFrame } from './step-frame.tsx'
import { useErrors } from './use-errors.tsx'

const words = s.network

/** AWS refuses signatures older than five minutes. */
const skewLimitMs = 5 * 60_000

export function NetworkStep() {
  const system = useResource(signal => api.system(signal))
  const [url, setUrl] = useState('')
  const [username, setUsername] = useState('')
  const [password, setPassword] = useState('')
  const stored = system.data?.proxy
  useEffect(() => {
    setUrl(stored?.url ?? '')
    setUsername(stored?.username ?? '')
  }, [stored?.url, stored?.username])
  const plain = { url: url.trim(), username: username.trim() }
  const changed = plain.url !== (stored?.url ?? '') || plain.username !== (stored?.username ?? '') || password !== ''
  const { shown, frame } = useErrors({ url: proxyError(url) })
  const save = async () => {
    if (changed) {
      await api.saveProxy(
        plain.url === ''
          ? {}
          : {
              url: plain.url,
              ...(plain.username === '' ? {} : { username: plain.username }),
              ...(password === '' ? {} : { password }),
            },
      )
    }
    return true
  }
  return (
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
        <p class="hint">{words.machineHint}</p>
      </section>
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
      </fieldset>
    </StepFrame>
  )
}

export function Machine({ system }: { system: SystemView }) {
  const { ntp, clock } = system
  const skewed = clock.awsSkewMs !== undefined && Math.abs(clock.awsSkewMs) > skewLimitMs
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
