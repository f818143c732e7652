// What registering will do, and doing it.
import { api } from '../api.ts'
import { useResource } from '../hooks.ts'
import { beginImport } from '../live.ts'
import { s } from '../locale/en-setup.ts'
import { Facts } from '../ui/layout-parts.tsx'
import { Loading, Note, Problem } from '../ui/messages.tsx'
import { StepFrame } from './step-frame.tsx'

const words = s.register

export function RegisterStep() {
  const settings = useResource(signal => api.settings(signal))
  const registration = useResource(signal => api.registration(signal))
  const identity = useResource(signal => api.awsIdentity(signal))
  const { aws, vcenter } = settings.data ?? {}
  const save = async () => {
    await api.register()
    await beginImport()
    return true
  }
  if (!settings.data) return settings.error ? <Problem error={settings.error} onRetry={settings.reload} /> : <Loading />
  return (
    <StepFrame step="register" save={save} next={words.act} invalid={aws && vcenter ? undefined : words.first}>
      {registration.data?.registered && <Note>{words.isRegistered}</Note>}
      <section class="stack">
        <h3>{words.review}</h3>
        <Facts
          of={[
            [s.steps.vcenter, vcenter ? `${vcenter.host}, ${vcenter.username}` : words.notYet],
            [s.aws.region, aws?.region ?? words.notYet],
            [s.aws.account, identity.data?.accountId ?? (identity.loading && aws ? words.asking : words.notYet)],
            [s.aws.arn, identity.data && <code>{identity.data.arn}</code>],
            [s.aws.bucket, registration.data?.bucket ?? words.bucketLater],
          ]}
        />
        {aws && identity.error && <Problem error={identity.error} onRetry={identity.reload} />}
      </section>
      <section class="stack">
        <p>{words.text}</p>
        <ol>
          <li>{words.vcenter(vcenter?.host ?? '')}</li>
          <li>{words.aws(aws?.region ?? '')}</li>
          <li>{words.catalog}</li>
        </ol>
      </section>
    </StepFrame>
  )
}
