// The first administrator's name and password; later, changing one's own password.
import { useContext, useState } from 'preact/hooks'
import { api } from '../api.ts'
import { s } from '../locale/en-setup.ts'
import { noteSession, useSession } from '../session.ts'
import { Field } from '../ui/field.tsx'
import { PasswordStrength } from './password-strength.tsx'
import { SetupContext, StepFrame } from './step-frame.tsx'

const words = s.password

/** Makes the administrator, and signs in. */
export function NewAdministrator() {
  const [name, setName] = useState('admin')
  const [password, setPassword] = useState('')
  const [again, setAgain] = useState('')
  const save = async () => {
    noteSession(await api.makeAdministrator({ name, password }))
    return true
  }
  return (
    <StepFrame step="password" save={save} marksItself invalid={password === again ? undefined : words.different}>
      <p>{words.text}</p>
      <Field label={words.name} hint={words.nameHint} value={name} onInput={setName} autocomplete="username" required />
      <Field
        label={words.password}
        hint={words.passwordHint}
        type="password"
        value={password}
        onInput={setPassword}
        autocomplete="new-password"
        required
      />
      <PasswordStrength password={password} name={name} />
      <Field
        label={words.again}
        type="password"
        value={again}
        onInput={setAgain}
        autocomplete="new-password"
        required
        error={again !== '' && again !== password ? words.different : undefined}
      />
    </StepFrame>
  )
}

/** The step when it is opened again. */
export function PasswordStep() {
  const name = useSession().view?.account?.name ?? ''
  const flow = useContext(SetupContext)
  const [current, setCurrent] = useState('')
  const [next, setNext] = useState('')
  const [again, setAgain] = useState('')
  const fields = [current, next, again]
  const untouched = fields.every(field => field === '')
  const invalid = untouched
    ? undefined
    : fields.some(field => field === '')
      ? words.incomplete
      : next === again
        ? undefined
        : words.different
  const save = async () => {
    if (!untouched) noteSession(await api.changePassword({ current, next }))
    // The step is done by what it has made: only the way on is asked for.
    if (flow) flow.onDone('password', flow.setup)
    return false
  }
  return (
    <StepFrame step="password" save={save} invalid={invalid}>
      <p>{words.isMade(name)}</p>
      <Field
        label={words.current}
        type="password"
        value={current}
        onInput={setCurrent}
        autocomplete="current-password"
      />
      <Field
        label={words.next}
        hint={words.passwordHint}
        type="password"
        value={next}
        onInput={setNext}
        autocomplete="new-password"
      />
      <PasswordStrength password={next} name={name} />
      <Field label={words.again} type="password" value={again} onInput={setAgain} autocomplete="new-password" />
    </StepFrame>
  )
}
