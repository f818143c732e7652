// The steps of the setup, to be opened again.
import { api } from '../api.ts'
import type { SetupStepId } from '../contract.ts'
import { useResource } from '../hooks.ts'
import { c } from '../locale/en-settings.ts'
import { s } from '../locale/en-setup.ts'
import { useMay } from '../session.ts'
import { isDone, stepOrder } from '../setup/setup-steps.ts'
import { Button } from '../ui/button.tsx'
import { Loading, Problem } from '../ui/messages.tsx'
import { SimpleTable } from '../ui/simple-table.tsx'
import { State } from '../ui/state.tsx'

const words = c.connections

export function ConnectionsPart() {
  const setup = useResource(signal => api.setup(signal))
  const settings = useResource(signal => api.settings(signal))
  const mayChange = useMay('administrator')
  if (!setup.data) return setup.error ? <Problem error={setup.error} onRetry={setup.reload} /> : <Loading />
  const { aws, vcenter } = settings.data ?? {}
  const now: Partial<Record<SetupStepId, string | undefined>> = {
    aws: aws && `${aws.region}, ${aws.accountId ?? aws.accessKeyId}`,
    vcenter: vcenter && `${vcenter.host}, ${vcenter.username}`,
  }
  return (
    <div class="stack">
      <p>{mayChange ? words.text : words.onlyAdministrators}</p>
      <SimpleTable<SetupStepId>
        label={c.tabs.connections}
        rows={stepOrder}
        rowKey={step => step}
        columns={[
          { title: words.step, cell: step => s.steps[step] },
          { title: words.state, cell: step => <State kind={isDone(setup.data, step) ? 'success' : 'notStarted'} /> },
          { title: words.what, wideOnly: true, cell: step => now[step] },
          {
            title: words.open,
            unseenTitle: true,
            end: true,
            cell: step =>
              mayChange && (
                <Button href={`/setup?step=${step}`} label={`${words.open}: ${s.steps[step]}`}>
                  {words.open}
                </Button>
              ),
          },
        ]}
      />
    </div>
  )
}
