// AWS: Region and credentials, who they are, what they lack, the policies to download, the bucket.
import { useState } from 'preact/hooks'
import { api, query } from '../api.ts'
import type { AwsSettingsView } from '../contract.ts'
import { moment } from '../format.ts'
import { useAction, useResource } from '../hooks.ts'
import { t } from '../locale/en.ts'
import { s } from '../locale/en-setup.ts'
import { Button } from '../ui/button.tsx'
import { Field } from '../ui/field.tsx'
import { Loading, Problem } from '../ui/messages.tsx'
import { type AwsForm, awsBody, awsErrors, endpointForAll, formOf, oneEndpoint, services } from './aws-form.ts'
import { AwsIdentityPart } from './aws-identity.tsx'
import { StepFrame } from './step-frame.tsx'
import { useErrors } from './use-errors.tsx'

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
  const changed = JSON.stringify(awsBody(form)) !== JSON.stringify(awsBody(formOf(stored)))
  const change = (changes: Partial<AwsForm>) => setForm({ ...form, ...changes })
  const toSave = changed || !stored
  const { shown: wrong, frame, forget } = useErrors(toSave ? awsErrors(form) : {})
  const save = async () => {
    if (!toSave) return true
    const kept = await api.saveAws(awsBody(form))
    setStored(kept)
    setForm(formOf(kept))
    setShown(shown + 1)
    forget()
    // Who that is and what is missing has to be seen before it goes on.
    return false
  }
  const wrongInside = (
    ['sessionToken', 'assumeRoleArn', 'assumeRoleExternalId', 'importRoleName', ...services] as const
  )
    .map(name => wrong[name])
    .some(error => error !== undefined)
  // It stays open when the last of them is mended: the focus may be in it.
  const [opened, setOpened] = useState(false)
  if (wrongInside && !opened) setOpened(true)
  return (
    <StepFrame step="aws" save={save} {...frame} {...(toSave ? { next: words.saveNext } : {})}>
      <Field
        label={words.region}
        hint={words.regionHint}
        value={form.region}
        placeholder={words.regionPlaceholder}
        onInput={region => change({ region })}
        suggestions={regions.data?.regions.map(({ id }) => id) ?? []}
        required
        error={wrong.region}
      />
      <div class="split">
        <Field
          label={words.accessKeyId}
          value={form.accessKeyId}
          onInput={accessKeyId => change({ accessKeyId })}
          required
          error={wrong.accessKeyId}
        />
        <Field
          label={words.secret}
          type="password"
          value={form.secretAccessKey}
          onInput={secretAccessKey => change({ secretAccessKey })}
          autocomplete="new-password"
          hint={stored ? words.secretStored(stored.sessionExpiresAt && moment(stored.sessionExpiresAt)) : undefined}
          required
          error={wrong.secretAccessKey}
        />
      </div>
      <details open={opened || undefined}>
        <summary>{words.more}</summary>
        <div class="stack inset">
          <Field
            label={`${words.session} (${t.optional})`}
            type="password"
            hint={words.sessionHint}
            value={form.sessionToken}
            onInput={sessionToken => change({ sessionToken })}
            autocomplete="new-password"
            error={wrong.sessionToken}
          />
          {form.sessionToken !== '' && (
            <Field
              type="datetime-local"
              class="narrow"
              label={`${words.sessionEnds} (${t.optional})`}
              hint={words.sessionEndsHint}
              value={form.sessionEnds}
              onInput={sessionEnds => change({ sessionEnds })}
            />
          )}
          <Field
            label={`${words.role} (${t.optional})`}
            value={form.assumeRoleArn}
            onInput={assumeRoleArn => change({ assumeRoleArn })}
            error={wrong.assumeRoleArn}
          />
          {form.assumeRoleArn !== '' && (
            <Field
              label={`${words.externalId} (${t.optional})`}
              value={form.assumeRoleExternalId}
              onInput={assumeRoleExternalId => change({ assumeRoleExternalId })}
              error={wrong.assumeRoleExternalId}
            />
          )}
          <Field
            label={words.importRole}
            value={form.importRoleName}
            onInput={importRoleName => change({ importRoleName })}
            error={wrong.importRoleName}
          />
          <Field
            label={`${words.oneEndpoint} (${t.optional})`}
            hint={words.oneEndpointHint}
            value={oneEndpoint(form)}
            error={oneEndpoint(form) === '' ? undefined : wrong.s3}
            onInput={value => change({ endpoints: endpointForAll(value) })}
          />
          {services.map(service => (
            <Field
              key={service}
              label={`${words.endpoint(service.toUpperCase())} (${t.optional})`}
              value={form.endpoints[service] ?? ''}
              onInput={value => change({ endpoints: { ...form.endpoints, [service]: value } })}
              error={wrong[service]}
            />
          ))}
          <p class="hint">{words.endpointHint}</p>
        </div>
      </details>
      {stored && <AwsIdentityPart key={shown} fresh={shown > 0} />}
      <Policies region={form.region.trim()} connected={stored !== undefined} />
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
