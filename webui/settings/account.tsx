// One's own password.
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import { useAction } from '../hooks.ts'
import { c } from '../locale/en-settings.ts'
import { s } from '../locale/en-setup.ts'
import { noteSession, useSession } from '../session.ts'
import { PasswordStrength } from '../setup/password-strength.tsx'
import { Button } from '../ui/button.tsx'
import { Field } from '../ui/field.tsx'
import { Card } from '../ui/layout-parts.tsx'
import { Problem, toast } from '../ui/messages.tsx'

export function AccountPart() {
  const name = useSession().view?.account?.name ?? ''
  const [current, setCurrent] = useState('')
  const [next, setNext] = useState('')
  const [again, setAgain] = useState('')
  const { busy, error, run } = useAction()
  const different = again !== '' && again !== next
  const same = next !== '' && next === current
  const save = async () => {
    if (!(await run(async () => noteSession(await api.changePassword({ current, next }))))) return
    setCurrent('')
    setNext('')
    setAgain('')
    toast(c.account.changed)
  }
  return (
    <div class="narrow">
      <Card title={c.account.title}>
        <form
          class="stack loose"
          onSubmit={event => {
            event.preventDefault()
            void save()
          }}
        >
          <p>{c.account.text}</p>
          <Field
            label={s.password.current}
            type="password"
            value={current}
            onInput={setCurrent}
            autocomplete="current-password"
            required
          />
          <Field
            label={s.password.next}
            hint={s.password.passwordHint}
            type="password"
            value={next}
            onInput={setNext}
            autocomplete="new-password"
            required
            error={same ? s.password.same : undefined}
          />
          <PasswordStrength password={next} name={name} />
          <Field
            label={s.password.again}
            type="password"
            value={again}
            onInput={setAgain}
            autocomplete="new-password"
            required
            error={different ? s.password.different : undefined}
          />
          {error && <Problem error={error} />}
          <div>
            <Button type="submit" kind="primary" busy={busy} disabled={different || same || again === ''}>
              {c.account.act}
            </Button>
          </div>
        </form>
      </Card>
    </div>
  )
}
