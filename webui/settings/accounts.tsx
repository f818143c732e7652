// Who may sign in, and as what.
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { AccountView, Role } from '../contract.ts'
import { moment } from '../format.ts'
import { useAction, useResource } from '../hooks.ts'
import { t } from '../locale/en.ts'
import { c } from '../locale/en-settings.ts'
import { useSession } from '../session.ts'
import { PasswordStrength } from '../setup/password-strength.tsx'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Choice, Field } from '../ui/field.tsx'
import { Loading, Problem, toast } from '../ui/messages.tsx'
import { SimpleTable } from '../ui/simple-table.tsx'
import { State } from '../ui/state.tsx'

const words = c.accounts
const roles: readonly Role[] = ['administrator', 'operator', 'support']

type Asked = { kind: 'create' } | { kind: 'edit' | 'delete'; account: AccountView }

export function AccountsPart() {
  const accounts = useResource(signal => api.accounts(signal))
  const me = useSession().view?.account?.id
  const [asked, setAsked] = useState<Asked>()
  const close = () => setAsked(undefined)
  const done = (said: string) => {
    close()
    toast(said)
    accounts.reload()
  }
  if (!accounts.data) return accounts.error ? <Problem error={accounts.error} onRetry={accounts.reload} /> : <Loading />
  return (
    <div class="stack">
      <div>
        <Button kind="primary" onClick={() => setAsked({ kind: 'create' })}>
          {words.create}
        </Button>
      </div>
      <SimpleTable<AccountView>
        label={words.title}
        rows={accounts.data.items}
        rowKey={account => account.id}
        columns={[
          { title: words.name, cell: account => (account.id === me ? `${account.name} (${words.you})` : account.name) },
          { title: words.role, cell: account => t.roles[account.role] },
          {
            title: words.lastSignIn,
            wideOnly: true,
            cell: account => (account.lastSignInAt ? moment(account.lastSignInAt) : t.never),
          },
          {
            title: t.state,
            wideOnly: true,
            cell: account => account.lockedUntil && <Locked account={account} onDone={done} />,
          },
          {
            title: t.actions,
            unseenTitle: true,
            end: true,
            cell: account => (
              <span class="buttons end">
                <Button label={words.edit(account.name)} onClick={() => setAsked({ kind: 'edit', account })}>
                  {t.edit}
                </Button>
                <Button danger label={words.remove(account.name)} onClick={() => setAsked({ kind: 'delete', account })}>
                  {t.remove}
                </Button>
              </span>
            ),
          },
        ]}
      />
      {asked?.kind === 'create' && <CreateAccount onClose={close} onDone={done} />}
      {asked?.kind === 'edit' && <EditAccount account={asked.account} onClose={close} onDone={done} />}
      {asked?.kind === 'delete' && <DeleteAccount account={asked.account} onClose={close} onDone={done} />}
    </div>
  )
}

interface AskedProps {
  onClose: () => void
  onDone: (said: string) => void
}

function Locked({ account, onDone }: { account: AccountView; onDone: (said: string) => void }) {
  const { busy, run } = useAction()
  const unlock = async () => {
    if (await run(() => api.changeAccount(account.id, { unlock: true }))) onDone(words.unlocked(account.name))
  }
  return (
    <span class="buttons">
      <State kind="warning" word={words.locked(moment(account.lockedUntil ?? ''))} />
      <Button busy={busy} onClick={() => void unlock()}>
        {words.unlock}
      </Button>
    </span>
  )
}

function RoleChoice({ role, onInput }: { role: Role; onInput: (role: Role) => void }) {
  return (
    <Choice
      legend={words.role}
      value={role}
      onInput={onInput}
      options={roles.map(value => ({ value, label: t.roles[value], hint: words.roleHints[value] }))}
    />
  )
}

function CreateAccount({ onClose, onDone }: AskedProps) {
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const [role, setRole] = useState<Role>('operator')
  const { busy, error, run } = useAction()
  const create = async () => {
    if (await run(() => api.createAccount({ name: name.trim(), password, role }))) onDone(words.made(name.trim()))
  }
  return (
    <Dialog
      title={words.create}
      confirm={t.make}
      busy={busy}
      error={error}
      onClose={onClose}
      onConfirm={() => void create()}
    >
      <Field label={words.name} value={name} onInput={setName} required />
      <RoleChoice role={role} onInput={setRole} />
      <Field
        label={words.password}
        type="password"
        value={password}
        onInput={setPassword}
        autocomplete="new-password"
        required
      />
      <PasswordStrength password={password} name={name} />
    </Dialog>
  )
}

function EditAccount({ account, onClose, onDone }: AskedProps & { account: AccountView }) {
  const [password, setPassword] = useState('')
  const [role, setRole] = useState<Role>(account.role)
  const { busy, error, run } = useAction()
  const change = { ...(role === account.role ? {} : { role }), ...(password === '' ? {} : { password }) }
  const save = async () => {
    if (Object.keys(change).length === 0) return onClose()
    if (await run(() => api.changeAccount(account.id, change))) onDone(words.changed(account.name))
  }
  return (
    <Dialog
      title={words.edit(account.name)}
      confirm={t.save}
      busy={busy}
      error={error}
      onClose={onClose}
      onConfirm={() => void save()}
    >
      <RoleChoice role={role} onInput={setRole} />
      <Field
        label={words.newPassword}
        type="password"
        value={password}
        onInput={setPassword}
        autocomplete="new-password"
      />
      <PasswordStrength password={password} name={account.name} />
    </Dialog>
  )
}

function DeleteAccount({ account, onClose, onDone }: AskedProps & { account: AccountView }) {
  const { busy, error, run } = useAction()
  const remove = async () => {
    if (await run(() => api.deleteAccount(account.id))) onDone(words.removed(account.name))
  }
  return (
    <Dialog
      title={words.removeTitle(account.name)}
      confirm={t.remove}
      danger
      busy={busy}
      error={error}
      onClose={onClose}
      onConfirm={() => void remove()}
    >
      <p>{words.removeText}</p>
    </Dialog>
  )
}
