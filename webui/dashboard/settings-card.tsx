// What the appliance is connected with.
import { api } from '../api.ts'
import { useResource } from '../hooks.ts'
import { h } from '../locale/en-dashboard.ts'
import { useMay } from '../session.ts'
import { Button } from '../ui/button.tsx'
import { Card, Facts } from '../ui/layout-parts.tsx'
import { Loading, Problem } from '../ui/messages.tsx'
import { State } from '../ui/state.tsx'

export function SettingsCard() {
  const settings = useResource(signal => api.settings(signal))
  const registration = useResource(signal => api.registration(signal))
  const mayChange = useMay('administrator')
  const { aws, vcenter } = settings.data ?? {}
  const words = h.settings
  return (
    <Card title={words.title} actions={mayChange && <Button href="/settings">{words.change}</Button>}>
      {!settings.data && (settings.error ? <Problem error={settings.error} onRetry={settings.reload} /> : <Loading />)}
      {settings.data && (
        <Facts
          of={[
            [words.vcenter, vcenter?.host ?? words.notSet],
            [words.version, vcenter?.version],
            [words.user, vcenter?.username],
            [words.region, aws?.region ?? words.notSet],
            [words.account, aws?.accountId],
            [words.bucket, registration.data?.bucket && <code>{registration.data.bucket}</code>],
            [
              words.registered,
              registration.data &&
                (registration.data.registered ? (
                  <State kind="success" word={words.isRegistered} />
                ) : (
                  <State kind="notStarted" word={words.notRegistered} />
                )),
            ],
          ]}
        />
      )}
    </Card>
  )
}
