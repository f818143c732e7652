// AWS: Region and credentials, who they are, what they lack, the policies to download, the bucket.
import { useState } from 'preact/hooks'
import { api, query } from '../api.ts'
import type { AwsSettingsView } from '../contract.ts'
import { useAction, useResource } from '../hooks.ts'
import { t } from '../locale/en.ts'
import { s } from '../locale/en-setup.ts'
import { Button } from '../ui/button.tsx'
import { Field } from '../ui/field.tsx'
import { Loading, Problem } from '../ui/messages.tsx'
import { type AwsForm, awsBody, formOf, services } from './aws-form.ts'
import { AwsIdentityPart } from './aws-identity.tsx'
import { StepFrame } from './step-frame.tsx'

const words = s.aws
export function AwsStep() {
  const settings = useResource(signal => api.settings(signal))
  if (!settings.data) return settings.error ? <Problem error={settings.error} onRetry={settings.reload} /> : <Loading />
  return <AwsFormStep stored={settings.data.aws} />
}

function AwsFormStep({ stored: first }: { stored: AwsSettingsView | undefined }) {
  const [stored, setStored] = useState(first)
  const [form, setForm] = useState(() => formOf(first))
  const [shown, setShown] = useState(0)
  const regions = useResource(signal => api.regions(signal))
  const changed = JSON.stringify(form) !== JSON.stringify(formOf(stored))
  const change = (changes: Partial<AwsForm>) => setForm({ ...form, ...changes })
  const complete = form.region !== '' && form.accessKeyId !== '' && form.secretAccessKey !== ''
  const save = async () => {
    if (!changed && stored) return true
    const kept = await api.saveAws(awsBody(form))
    setStored(kept)
    setForm(formOf(kept))
    setShown(shown + 1)
    const { missingActions } = await api.awsIdentity()
    return missingActions.length === 0
  }
  return (
    <StepFrame step="aws" save={save} invalid={!complete && (changed || !stored) ? words.needed : undefined}>
      <Field
        label={words.region}
        hint={words.regionHint}
        value={form.region}
        onInput={region => change({ region: region.trim() })}
        suggestions={regions.data?.regions.map(({ id }) => id) ?? []}
        required
      />
      <div class="split">
        <Field
          label={words.accessKeyId}
          value={form.accessKeyId}
          onInput={accessKeyId => change({ accessKeyId })}
          required
        />
        <Field
          label={words.secret}
          type="password"
          value={form.secretAccessKey}
          onInput={secretAccessKey => change({ secretAccessKey })}
          autocomplete="new-password"
          hint={stored ? words.secretStored : undefined}
          required
        />
      </div>
      <details>
        <summary>{words.more}</summary>
        <div class="stack inset">
          <Field
            label={`${words.session} (${t.optional})`}
            type="password"
            hint={words.sessionHint}
            value={form.sessionToken}
            onInput={sessionToken => change({ sessionToken })}
            autocomplete="new-password"
          />
          <Field
            label={`${words.role} (${t.optional})`}
            value={form.assumeRoleArn}
            onInput={assumeRoleArn => change({ assumeRoleArn })}
          />
          {form.assumeRoleArn !== '' && (
            <Field
              label={`${words.externalId} (${t.optional})`}
              value={form.assumeRoleExternalId}
              onInput={assumeRoleExternalId => change({ assumeRoleExternalId })}
            />
          )}
          <Field
            label={words.importRole}
            value={form.importRoleName}
            onInput={importRoleName => change({ importRoleName })}
          />
          {services.map(service => (
            <Field
              key={service}
              label={`${words.endpoint(service.toUpperCase())} (${t.optional})`}
              value={form.endpoints[service] ?? ''}
              onInput={value => change({ endpoints: { ...form.endpoints, [service]: value.trim() } })}
            />
          ))}
          <p class="hint">{words.endpointHint}</p>
        </div>
      </details>
      {stored && <AwsIdentityPart key={shown} />}
      <Policies region={form.region} connected={stored !== undefined} />
      {stored && <Bucket />}
    </StepFrame>
  )
}

function Policies({ region, connected }: { region: string; connected: boolean }) {
  const [accountId, setAccountId] = useState('')
  const ready = connected || (/^\d{12}$/.test(accountId) && region !== '')
  const href = (format: string) => `/api/aws/policies${query({ format, ...(connected ? {} : { accountId, region }) })}`
  return (
    <section class="stack">
      <h3>{words.policies}</h3>
      <p>{words.policiesText}</p>
      {!connected && (
        <Field
          label={words.accountId}
          hint={words.accountIdHint}
          value={accountId}
          onInput={setAccountId}
          maxLength={12}
        />
      )}
      {ready && (
        <div class="buttons">
          <Button href={href('json')} download>
            {words.json}
          </Button>
          <Button href={href('cloudformation')} download>
            {words.cloudformation}
          </Button>
        </div>
      )}
    </section>
  )
}

function Bucket() {
  const registration = useResource(signal => api.registration(signal))
  const [made, setMade] = useState<string>()
  const { busy, error, run } = useAction()
  const bucket = made ?? registration.data?.bucket
  return (
    <section class="stack">
      <h3>{words.bucket}</h3>
      <p>{bucket === undefined ? words.bucketText : words.bucketMade(bucket)}</p>
      {bucket === undefined && (
        <div>
          <Button busy={busy} onClick={() => void run(async () => setMade((await api.makeBucket()).bucket))}>
            {words.makeBucket}
          </Button>
        </div>
      )}
      {error && <Problem error={error} />}
    </section>
  )
}
