// The network of the machine, changed in the settings.
import { useState } from 'preact/hooks'
import type { MachineNetwork } from '../contract.ts'
import { useAction } from '../hooks.ts'
import { m } from '../locale/en-machine.ts'
import { s } from '../locale/en-setup.ts'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/layout-parts.tsx'
import { Problem, toast } from '../ui/messages.tsx'
import { hasNetworkErrors, networkDraft, networkErrors, networkOf, noErrors, sameNetwork } from './network-draft.ts'
import { NetworkFields } from './network-form.tsx'
import { useNetworkChange } from './use-network-change.tsx'

const words = m.network

export function NetworkCard({ stored, onChanged }: { stored: MachineNetwork; onChanged: () => void }) {
  const [draft, setDraft] = useState(() => networkDraft(stored))
  const [tried, setTried] = useState(false)
  const { busy, error, run } = useAction()
  const { change, question, moving } = useNetworkChange()
  const errors = networkErrors(draft)
  const wrong = hasNetworkErrors(errors)
  const save = async () => {
    setTried(true)
    if (wrong) return
    let done = false
    await run(async () => {
      done = await change(stored, networkOf(draft))
    })
    if (!done) return
    setTried(false)
    toast(words.saved)
    onChanged()
  }
  return (
    <Card title={words.title}>
      {moving ?? (
        <form
          class="stack"
          noValidate
          onSubmit={event => {
            event.preventDefault()
            void save()
          }}
        >
          <NetworkFields draft={draft} errors={tried ? errors : noErrors} onInput={setDraft} />
          {tried && wrong && (
            <p class="wrong" role="alert">
              {s.correct}
            </p>
          )}
          {error && <Problem error={error} />}
          <div>
            <Button type="submit" kind="primary" busy={busy} disabled={!wrong && sameNetwork(stored, networkOf(draft))}>
              {words.save}
            </Button>
          </div>
        </form>
      )}
      {question}
    </Card>
  )
}
