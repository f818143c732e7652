// The form of a notification channel.
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { ChannelView } from '../contract.ts'
import { useAction } from '../hooks.ts'
import { t } from '../locale/en.ts'
import { c } from '../locale/en-settings.ts'
import { Dialog } from '../ui/dialog.tsx'
import { Check, Field, Select } from '../ui/field.tsx'
import { bodyOf, type ChannelDraft, channelEvents, draftOf } from './channel-draft.ts'

const words = c.notifications

export interface ChannelFormProps {
  /** Absent: a new one. */
  channel?: ChannelView
  onClose: () => void
  onDone: (said: string) => void
}

export function ChannelForm({ channel, onClose, onDone }: ChannelFormProps) {
  const [draft, setDraft] = useState(() => draftOf(channel))
  const { busy, error, run } = useAction()
  const change = (changes: Partial<ChannelDraft>) => setDraft({ ...draft, ...changes })
  const save = async () => {
    const body = bodyOf(draft)
    if (await run(() => (channel ? api.changeChannel(channel.id, body) : api.createChannel(body)))) onDone(t.saved)
  }
  return (
    <Dialog
      title={channel ? words.edit(channel.name) : words.create}
      confirm={t.save}
      busy={busy}
      error={error}
      onClose={onClose}
      onConfirm={() => void save()}
    >
      <Field label={words.name} value={draft.name} onInput={name => change({ name })} required />
      <Check label={words.enabled} checked={draft.enabled} onInput={enabled => change({ enabled })} />
      <Select
        label={words.kind}
        value={draft.kind}
        onInput={kind => change({ kind })}
        options={(['smtp', 'webhook', 'sns'] as const).map(value => ({ value, label: words.kinds[value] }))}
      />
      <TargetFields draft={draft} onChange={change} kept={channel !== undefined} />
      <fieldset class="stack">
        <legend>{words.events}</legend>
        {channelEvents.map(event => (
          <Check
            key={event}
            label={words.eventNames[event]}
            checked={draft.events.includes(event)}
            onInput={on =>
              change({ events: channelEvents.filter(one => (one === event ? on : draft.events.includes(one))) })
            }
          />
        ))}
      </fieldset>
    </Dialog>
  )
}

interface TargetFieldsProps {
  draft: ChannelDraft
  onChange: (changes: Partial<ChannelDraft>) => void
  /** A secret may be stored already. */
  kept: boolean
}

function TargetFields({ draft, onChange, kept }: TargetFieldsProps) {
  const secretHint = kept ? words.keyKept : undefined
  if (draft.kind === 'sns')
    return <Field label={words.topic} value={draft.topicArn} onInput={topicArn => onChange({ topicArn })} required />
  if (draft.kind === 'webhook') {
    return (
      <>
        <Field
          label={words.url}
          hint={kept ? words.urlKept : undefined}
          value={draft.url}
          onInput={url => onChange({ url })}
          required
        />
        <Field
          label={words.signingKey}
          hint={secretHint}
          type="password"
          value={draft.secret}
          onInput={secret => onChange({ secret })}
          autocomplete="new-password"
        />
      </>
    )
  }
  return (
    <>
      <div class="split">
        <Field label={words.host} value={draft.host} onInput={host => onChange({ host })} required />
        <Field
          type="number"
          min={1}
          max={65535}
          label={words.port}
          value={draft.port}
          onInput={port => onChange({ port })}
          required
        />
      </div>
      <Select
        label={words.security}
        value={draft.security}
        onInput={security => onChange({ security })}
        options={(['tls', 'starttls', 'none'] as const).map(value => ({ value, label: words.securities[value] }))}
      />
      <div class="split">
        <Field
          label={`${words.username} (${t.optional})`}
          value={draft.username}
          onInput={username => onChange({ username })}
        />
        <Field
          label={words.password}
          hint={secretHint}
          type="password"
          value={draft.secret}
          onInput={secret => onChange({ secret })}
          autocomplete="new-password"
        />
      </div>
      <Field label={words.from} value={draft.from} onInput={from => onChange({ from })} required />
      <Field label={words.recipients} value={draft.to} onInput={to => onChange({ to })} required />
    </>
  )
}
