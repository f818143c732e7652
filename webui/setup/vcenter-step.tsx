// vCenter: its certificate before anything else, then the account, then what the account lacks.
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { CertificateSummary, VcenterSettingsView } from '../contract.ts'
import { moment } from '../format.ts'
import { useAction, useResource } from '../hooks.ts'
import { s } from '../locale/en-setup.ts'
import { Button } from '../ui/button.tsx'
import { Choice, Field } from '../ui/field.tsx'
import { Facts } from '../ui/layout-parts.tsx'
import { Loading, Problem } from '../ui/messages.tsx'
import { State } from '../ui/state.tsx'
import { MissingList } from './missing-list.tsx'
import { StepFrame } from './step-frame.tsx'

const words = s.vcenter

export function VcenterStep() {
  const settings = useResource(signal => api.settings(signal))
  if (!settings.data) return settings.error ? <Problem error={settings.error} onRetry={settings.reload} /> : <Loading />
  return <VcenterForm stored={settings.data.vcenter} />
}

function VcenterForm({ stored: first }: { stored: VcenterSettingsView | undefined }) {
  const [stored, setStored] = useState(first)
  const [host, setHost] = useState(first?.host ?? '')
  const [username, setUsername] = useState(first?.username ?? '')
  const [password, setPassword] = useState('')
  const [certificate, setCertificate] = useState<CertificateSummary>()
  const [trust, setTrust] = useState<'' | 'pinned' | 'ca'>('')
  const [caPem, setCaPem] = useState('')
  const look = useAction()
  const changed =
    host !== (stored?.host ?? '') || username !== (stored?.username ?? '') || password !== '' || trust !== ''
  const needsForm = changed || !stored
  const show = () =>
    look.run(async () => {
      setCertificate(await api.vcenterCertificate(host.trim()))
      setTrust('')
    })
  const save = async () => {
    if (!needsForm) return true
    const kept = await api.saveVcenter({
      host: host.trim(),
      username: username.trim(),
      password,
      trust:
        trust === 'ca'
          ? { kind: 'ca', caPem: caPem.trim() }
          : { kind: 'pinned', certificatePem: certificate?.certificatePem ?? '' },
    })
    setStored(kept)
    setPassword('')
    setTrust('')
    setCertificate(undefined)
    return (kept.missingPrivileges ?? []).length === 0
  }
  const invalid = !needsForm
    ? undefined
    : host.trim() === '' || username.trim() === '' || password === ''
      ? words.needed
      : trust === '' || (trust === 'pinned' && !certificate) || (trust === 'ca' && caPem.trim() === '')
        ? words.trustNeeded
        : undefined
  return (
    <StepFrame step="vcenter" save={save} invalid={invalid}>
      {stored && <Connected stored={stored} />}
      <Field
        label={words.host}
        hint={words.hostHint}
        value={host}
        onInput={value => {
          setHost(value)
          setCertificate(undefined)
          setTrust('')
        }}
        required
      />
      <div>
        <Button busy={look.busy} disabled={host.trim() === ''} onClick={() => void show()}>
          {words.show}
        </Button>
      </div>
      {look.error && <Problem error={look.error} />}
      <div aria-live="polite">
        {certificate && (
          <section class="stack">
            <h3>{words.certificate}</h3>
            <CertificateFacts of={certificate} />
            <Choice
              legend={words.trust}
              value={trust}
              onInput={setTrust}
              options={[
                { value: 'pinned' as const, label: words.pin, hint: words.pinHint },
                { value: 'ca' as const, label: words.ca, hint: words.caHint },
              ]}
            />
            {trust === 'ca' && <Field label={words.caPem} rows={6} value={caPem} onInput={setCaPem} />}
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
        />
        <Field
          label={words.password}
          type="password"
          value={password}
          onInput={setPassword}
          autocomplete="new-password"
          hint={stored ? words.passwordStored : undefined}
          required
        />
      </div>
    </StepFrame>
  )
}

export function CertificateFacts({
  of,
}: {
  of: Omit<CertificateSummary, 'certificatePem' | 'thumbprintSha1'> & { thumbprintSha1?: string }
}) {
  return (
    <Facts
      of={[
        [words.subject, of.subject],
        [words.issuer, of.issuer],
        [words.valid, words.from(moment(of.validFrom), moment(of.validTo))],
        [words.sha256, <code key="256">{of.thumbprintSha256}</code>],
        [words.sha1, of.thumbprintSha1 && <code key="1">{of.thumbprintSha1}</code>],
      ]}
    />
  )
}

function Connected({ stored }: { stored: VcenterSettingsView }) {
  const missing = stored.missingPrivileges ?? []
  return (
    <section class="stack" aria-live="polite">
      <h3>{words.connected}</h3>
      <Facts
        of={[
          [words.version, stored.version],
          [words.instance, stored.instanceUuid && <code>{stored.instanceUuid}</code>],
          [words.certificate, words.trustKept(stored.trust)],
        ]}
      />
      {missing.length === 0 ? (
        <State kind="success" word={words.noneMissing} />
      ) : (
        <MissingList title={words.missing(missing.length)} names={missing} hint={words.missingNext} />
      )}
    </section>
  )
}
