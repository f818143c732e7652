// API tokens: made, named, limited to reading, revoked.
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { TokenMade, TokenView } from '../contract.ts'
import { moment } from '../format.ts'
import { useAction, useResource } from '../hooks.ts'
import { t } from '../locale/en.ts'
import { c } from '../locale/en-settings.ts'
import { Button } from '../ui/button.tsx'
import { CopyText } from '../ui/copy.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Check, Field } from '../ui/field.tsx'
import { EmptyState, Loading, Problem, toast } from '../ui/messages.tsx'
import { SimpleTable } from '../ui/simple-table.tsx'

const words = c.tokens

export function TokensPart() {
  const tokens = useResource(signal => api.tokens(signal))
  const [creating, setCreating] = useState(false)
  const [made, setMade] = useState<TokenMade>()
  const [revoked, setRevoked] = useState<TokenView>()
  if (!tokens.data) return tokens.error ? <Problem error={tokens.error} onRetry={tokens.reload} /> : <Loading />
  return (
    <div class="stack">
      <p>{words.text}</p>
      <div>
        <Button kind="primary" onClick={() => setCreating(true)}>
          {words.create}
        </Button>
      </div>
      <SimpleTable<TokenView>
        label={words.title}
        rows={tokens.data.items}
        rowKey={token => token.id}
        columns={[
          { title: words.name, cell: token => token.name },
          { title: words.access, cell: token => (token.readOnly ? words.readOnlyWord : words.full) },
          { title: words.maker, wideOnly: true, cell: token => token.account?.name ?? words.local },
          { title: words.created, wideOnly: true, cell: token => moment(token.createdAt) },
          {
            title: words.lastUsed,
            wideOnly: true,
            cell: token => (token.lastUsedAt ? moment(token.lastUsedAt) : t.never),
          },
          {
            title: t.actions,
            unseenTitle: true,
            end: true,
            cell: token => (
              <Button danger label={words.revokeOf(token.name)} onClick={() => setRevoked(token)}>
                {words.revoke}
              </Button>
            ),
          },
        ]}
        empty={
          <EmptyState icon="plug" title={words.empty}>
            {words.emptyHint}
          </EmptyState>
        }
      />
      {creating && (
        <CreateToken
          onClose={() => setCreating(false)}
          onMade={token => {
            setCreating(false)
            setMade(token)
            tokens.reload()
          }}
        />
      )}
      {made && (
        <Dialog
          title={words.madeTitle(made.name)}
          confirm={t.done}
          only
          onClose={() => setMade(undefined)}
          onConfirm={() => setMade(undefined)}
        >
          <p>{words.madeText}</p>
          <CopyText label={words.madeTitle(made.name)} text={made.token} />
        </Dialog>
      )}
      {revoked && (
        <RevokeToken
          token={revoked}
          onClose={() => setRevoked(undefined)}
          onDone={() => {
            setRevoked(undefined)
            toast(words.revoked(revoked.name))
            tokens.reload()
          }}
        />
      )}
    </div>
  )
}

function CreateToken({ onClose, onMade }: { onClose: () => void; onMade: (token: TokenMade) => void }) {
  const [name, setName] = useState('')
  const [readOnly, setReadOnly] = useState(true)
  const { busy, error, run } = useAction()
  return (
    <Dialog
      title={words.create}
      confirm={t.make}
      busy={busy}
      error={error}
      onClose={onClose}
      onConfirm={() => void run(async () => onMade(await api.createToken({ name: name.trim(), readOnly })))}
    >
      <Field label={words.name} hint={words.nameHint} value={name} onInput={setName} required />
      <Check label={words.readOnly} checked={readOnly} onInput={setReadOnly} />
    </Dialog>
  )
}

function RevokeToken({ token, onClose, onDone }: { token: TokenView; onClose: () => void; onDone: () => void }) {
  const { busy, error, run } = useAction()
  const revoke = async () => {
    if (await run(() => api.deleteToken(token.id))) onDone()
  }
  return (
    <Dialog
      title={words.revokeTitle(token.name)}
      confirm={words.revoke}
      danger
      busy={busy}
      error={error}
      onClose={onClose}
      onConfirm={() => void revoke()}
    >
      <p>{words.revokeText}</p>
    </Dialog>
  )
}
