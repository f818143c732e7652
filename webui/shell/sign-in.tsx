// The sign-in.
import { useEffect, useState } from 'preact/hooks'
import { api } from '../api.ts'
import { useAction } from '../hooks.ts'
import { t } from '../locale/en.ts'
import { noteSession } from '../session.ts'
import { Button } from '../ui/button.tsx'
import { Field } from '../ui/field.tsx'
import { Note, Problem } from '../ui/messages.tsx'
import { Solo } from './solo.tsx'

export function SignIn({ ended }: { ended: boolean }) {
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const { busy, error, run } = useAction()
  useEffect(() => {
    document.title = `${t.signIn.title} · ${t.product}`
  }, [])
  const submit = async () => {
    const ok = await run(async () => noteSession(await api.signIn({ name, password })))
    if (!ok) setPassword('')
  }
  return (
    <Solo>
      <form
        class="stack loose"
        onSubmit={event => {
          event.preventDefault()
          void submit()
        }}
      >
        <h1>{t.signIn.title}</h1>
        {ended && <Note>{t.signIn.ended}</Note>}
        <Field label={t.signIn.name} value={name} onInput={setName} autocomplete="username" required />
        <Field
          label={t.signIn.password}
          type="password"
          value={password}
          onInput={setPassword}
          autocomplete="current-password"
          required
        />
        {error && <Problem error={error} />}
        <Button type="submit" kind="primary" busy={busy}>
          {t.signIn.act}
        </Button>
        <p class="hint">{t.signIn.forgotten}</p>
      </form>
    </Solo>
  )
}
