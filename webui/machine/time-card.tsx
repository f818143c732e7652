// Host name and time servers, changed in the settings.
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import { useAction } from '../hooks.ts'
import { t } from '../locale/en.ts'
import { m } from '../locale/en-machine.ts'
import { Button } from '../ui/button.tsx'
import { Field } from '../ui/field.tsx'
import { Card } from '../ui/layout-parts.tsx'
import { Problem, toast } from '../ui/messages.tsx'
import { changesOf, hostnameError, type NameAndTime, timeError } from './name-and-time.ts'

export interface NameAndTimeFieldsProps {
  draft: NameAndTime
  errors: { hostname?: string | undefined; servers?: string | undefined }
  onInput: (draft: NameAndTime) => void
}

export function NameAndTimeFields({ draft, errors, onInput }: NameAndTimeFieldsProps) {
  return (
    <div class="split">
      <Field
        label={m.hostname.name}
        hint={m.hostname.nameHint}
        value={draft.hostname}
        onInput={hostname => onInput({ ...draft, hostname })}
        error={errors.hostname}
      />
      <Field
        label={m.time.servers}
        hint={m.time.serversHint}
        value={draft.servers}
        onInput={servers => onInput({ ...draft, servers })}
        error={errors.servers}
      />
    </div>
  )
}

/** Saves what is other than stored. @throws {ApiError} */
export async function saveNameAndTime(
  draft: NameAndTime,
  stored: { hostname: string; servers: readonly string[] },
): Promise<boolean> {
  const { hostname, time } = changesOf(draft, stored)
  if (hostname) await api.saveHostname(hostname)
  if (time) await api.saveTime(time)
  return hostname !== undefined || time !== undefined
}

export function TimeCard(props: { hostname: string; servers: string[]; onChanged: () => void }) {
  const { hostname, servers, onChanged } = props
  const stored = { hostname, servers }
  const [draft, setDraft] = useState({ hostname, servers: servers.join(', ') })
  const { busy, error, run } = useAction()
  const errors = { hostname: hostnameError(draft.hostname, hostname), servers: timeError(draft.servers) }
  const wrong = errors.hostname !== undefined || errors.servers !== undefined
  const same = Object.keys(changesOf(draft, stored)).length === 0
  const save = async () => {
    if (wrong || same) return
    if (await run(() => saveNameAndTime(draft, stored))) toast(t.saved)
    // Of two, the first may have been saved.
    onChanged()
  }
  return (
    <Card title={m.hostname.title}>
      <form
        class="stack"
        onSubmit={event => {
          event.preventDefault()
          void save()
        }}
      >
        <NameAndTimeFields draft={draft} errors={errors} onInput={setDraft} />
        {error && <Problem error={error} />}
        <div>
          <Button type="submit" busy={busy} disabled={wrong || same}>
            {t.save}
          </Button>
        </div>
      </form>
    </Card>
  )
}
