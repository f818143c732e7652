// Notification channels: made, changed, tested, deleted.
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { ChannelView } from '../contract.ts'
import { useAction, useResource } from '../hooks.ts'
import { t } from '../locale/en.ts'
import { c } from '../locale/en-settings.ts'
import type { ApiError } from '../request.ts'
import { useMay } from '../session.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { EmptyState, Loading, Problem, toast } from '../ui/messages.tsx'
import { SimpleTable } from '../ui/simple-table.tsx'
import { State } from '../ui/state.tsx'
import { targetWords } from './channel-draft.ts'
import { ChannelForm } from './channel-form.tsx'

const words = c.notifications

export function NotificationsPart() {
  const channels = useResource(signal => api.channels(signal))
  const mayChange = useMay('administrator')
  const [asked, setAsked] = useState<{ kind: 'create' } | { kind: 'edit' | 'delete'; channel: ChannelView }>()
  const close = () => setAsked(undefined)
  const done = (said: string) => {
    close()
    toast(said)
    channels.reload()
  }
  if (!channels.data) return channels.error ? <Problem error={channels.error} onRetry={channels.reload} /> : <Loading />
  return (
    <div class="stack">
      <p>{words.text}</p>
      {mayChange && (
        <div>
          <Button kind="primary" onClick={() => setAsked({ kind: 'create' })}>
            {words.create}
          </Button>
        </div>
      )}
      <SimpleTable<ChannelView>
        label={c.tabs.notifications}
        rows={channels.data.items}
        rowKey={channel => channel.id}
        columns={[
          { title: words.name, cell: channel => channel.name },
          {
            title: t.state,
            cell: channel => (
              <State kind={channel.enabled ? 'success' : 'stopped'} word={channel.enabled ? words.enabled : t.no} />
            ),
          },
          { title: words.kind, wideOnly: true, cell: channel => words.kinds[channel.target.kind] },
          { title: words.to, wideOnly: true, cell: channel => targetWords(channel.target) },
          {
            title: t.actions,
            unseenTitle: true,
            cell: channel =>
              mayChange && (
                <ChannelActions
                  channel={channel}
                  onEdit={() => setAsked({ kind: 'edit', channel })}
                  onDelete={() => setAsked({ kind: 'delete', channel })}
                />
              ),
          },
        ]}
        empty={
          <EmptyState icon="info" title={words.empty}>
            {words.emptyHint}
          </EmptyState>
        }
      />
      {asked?.kind === 'create' && <ChannelForm onClose={close} onDone={done} />}
      {asked?.kind === 'edit' && <ChannelForm channel={asked.channel} onClose={close} onDone={done} />}
      {asked?.kind === 'delete' && <DeleteChannel channel={asked.channel} onClose={close} onDone={done} />}
    </div>
  )
}

function ChannelActions({
  channel,
  onEdit,
  onDelete,
}: {
  channel: ChannelView
  onEdit: () => void
  onDelete: () => void
}) {
  const [refused, setRefused] = useState<Pick<ApiError, 'code' | 'message' | 'hint'>>()
  const { busy, error, run } = useAction()
  const test = () =>
    run(async () => {
      setRefused(undefined)
      const answer = await api.testChannel(channel.id)
      if (answer.delivered) toast(words.tested(channel.name))
      else setRefused(answer.error)
    })
  const problem = error ?? refused
  return (
    <div class="stack">
      <div class="buttons">
        <Button busy={busy} onClick={() => void test()} label={`${words.test} ${channel.name}`}>
          {words.test}
        </Button>
        <Button onClick={onEdit} label={words.edit(channel.name)}>
          {t.edit}
        </Button>
        <Button danger onClick={onDelete} label={`${words.remove} ${channel.name}`}>
          {words.remove}
        </Button>
      </div>
      {problem && <Problem error={problem} />}
    </div>
  )
}

function DeleteChannel(props: { channel: ChannelView; onClose: () => void; onDone: (said: string) => void }) {
  const { busy, error, run } = useAction()
  const remove = async () => {
    if (await run(() => api.deleteChannel(props.channel.id))) props.onDone(words.removed)
  }
  return (
    <Dialog
      title={words.removeTitle(props.channel.name)}
      confirm={words.remove}
      danger
      busy={busy}
      error={error}
      onClose={props.onClose}
      onConfirm={() => void remove()}
    >
      <p>{words.removeText}</p>
    </Dialog>
  )
}
