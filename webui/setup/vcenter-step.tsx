// vCenter: its certificate before anything else, then the account, then what the account lacks.
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { CertificateSummary, VcenterSettingsView } from '../contract.ts'
import { useAction, useResource } from '../hooks.ts'
import { s } from '../locale/en-setup.ts'
import { Button } from '../ui/button.tsx'
import { Choice, Field } from '../ui/field.tsx'
import { Loading, Problem } from '../ui/messages.tsx'
import { caPemError, hostError, hostOf } from './field-checks.ts'
import { StepFrame } from './step-frame.tsx'
import { useErrors } from './use-errors.tsx'
import { CertificateFacts, ThumbprintComparison } from './vcenter-certificate.tsx'
import { VcenterConnection, VcenterPrivileges } from './vcenter-connection.tsx'

const words = s.vcenter

export function VcenterStep() {
  const settings = useResource(signal => api.settings(signal))
  if (!settings.data) return settings.error ? <Problem error={settings.error} onRetry={settings.reload} /> : <Loading />
  return <VcenterForm stored={settings.data.vcenter} />
}

type Trust = '' | 'pinned' | 'ca'

function VcenterForm({ stored: first }: { stored: VcenterSettingsView | undefined }) {
  const [stored, setStored] = useState(first)
  const [saves, setSaves] = useState(0)
  const [host, setHost] = useState(first?.host ?? '')
  const [username, setUsername] = useState(first?.username ?? '')
  const [password, setPassword] = useState('')
  const [certificate, setCertificate] = useState<CertificateSummary>()
  const [trust, setTrust] = useState<Trust>('')
  const [caPem, setCaPem] = useState('')
  const look = useAction()
  const sameHost = stored !== undefined && hostOf(host) === stored.host
  const needsForm = !sameHost || username.trim() !== stored.username || password !== '' || trust !== ''
  // A certificate that was accepted for this host needs no second look for a new password.
  const trustKept = sameHost && trust === ''
  const { shown, frame, forget } = useErrors(
    needsForm
      ? {
          host: hostError(host),
          username: username.trim() === '' ? words.usernameNeeded : undefined,
          password: password === '' ? words.passwordNeeded : undefined,
          caPem: trust === 'ca' ? caPemError(caPem) : undefined,
          trust: trustKept || (certificate && trust !== '') ? undefined : words.trustNeeded,
        }
      : {},
  )
  const [wrongHost, setWrongHost] = useState<string>()
  const show = async () => {
    const wrong = hostError(host)
    setWrongHost(wrong)
    look.clear()
    if (wrong !== undefined) return
    setHost(hostOf(host))
    await look.run(async () => {
      setCertificate(await api.vcenterCertificate(hostOf(host)))
      setTrust('')
    })
  }
  const save = async () => {
    if (!needsForm) return true
    const kept = await api.saveVcenter({
      host: hostOf(host),
      username: username.trim(),
      password,
      ...(trustKept ? {} : { trust: trustBody(trust, caPem, certificate) }),
    })
    setStored(kept)
    setHost(kept.host)
    setPassword('')
    setTrust('')
    setCertificate(undefined)
    setSaves(saves + 1)
    forget()
    return (kept.missingPrivileges ?? []).length === 0
  }
  return (
    <StepFrame step="vcenter" save={save} {...frame}>
      {stored && <VcenterConnection key={saves} trust={stored.trust} />}
      <VcenterPrivileges />
      <Field
        label={words.host}
        hint={words.hostHint}
        value={host}
        onInput={value => {
          setHost(value)
          setWrongHost(undefined)
          setCertificate(undefined)
          setTrust('')
          look.clear()
        }}
        required
        error={wrongHost ?? shown.host}
      />
      <div class="stack">
        <div>
          <Button busy={look.busy} disabled={host.trim() === ''} onClick={() => void show()}>
            {words.show}
          </Button>
        </div>
        {shown.trust && <p class="wrong">{shown.trust}</p>}
      </div>
      {look.error && <Problem error={look.error} />}
      <div aria-live="polite">
        {certificate && (
          <section class="stack">
            <h3>{words.certificate}</h3>
            <CertificateFacts of={certificate} />
            <ThumbprintComparison certificate={certificate} />
            <Choice
              legend={words.trust}
              value={trust}
              onInput={setTrust}
              options={[
                { value: 'pinned' as const, label: words.pin, hint: words.pinHint },
                { value: 'ca' as const, label: words.ca, hint: words.caHint },
              ]}
            />
            {trust === 'ca' && (
              <Field label={words.caPem} rows={6} value={caPem} onInput={setCaPem} error={shown.caPem} />
            )}
          </section>
        )}
      </div>
      <div class="split">
        <Field
          label={words.username}
          placeholder={words.usernamePlaceholder}
          value={username}
          onInput={setUsername}
          required
          error={shown.username}
        />
        <Field
          label={words.password}
          type="password"
          value={password}
          onInput={setPassword}
          autocomplete="new-password"
          hint={stored ? words.passwordStored : undefined}
          required
          error={shown.password}
        />
      </div>
    </StepFrame>
  )
}

const trustBody = (trust: Trust, caPem: string, certificate: CertificateSummary | undefined) =>
  trust === 'ca'
    ? { kind: 'ca' as const, caPem: caPem.trim() }
    : { kind: 'pinned' as const, certificatePem: certificate?.certificatePem ?? '' }
