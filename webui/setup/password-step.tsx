// The first administrator's name and password; later, changing one's own password.
import { useContext, useState } from 'preact/hooks'
import { api } from '../api.ts'
import { s } from '../locale/en-setup.ts'
import { go } from '../router.ts'
import { noteSession, useSession } from '../session.ts'
import { Field } from '../ui/field.tsx'
import { nameError } from './field-checks.ts'
import { PasswordStrength } from './password-strength.tsx'
import { SetupContext, StepFrame } from './step-frame.tsx'
import { useErrors } from './use-errors.tsx'

const words = s.password

/** Makes the administrator, and signs in. */
export function NewAdministrator() {
  const [name, setName] = useState('admin')
  const [password, setPassword] = useState('')
  const [again, setAgain] = useState('')
  const save = async () => {
    noteSession(await api.makeAdministrator({ name: name.trim(), password }))
    // The first step that is open now.
    go('/setup')
    return true
  }
  const { shown, frame } = useErrors({
    name: nameError(name),
    password: password === '' ? words.needed : undefined,
    again: password === again ? undefined : words.different,
  })
  return (
    <StepFrame step="password" save={save} marksItself {...frame}>
      <p>{words.text}</p>
      <Field
        label={words.name}
        hint={words.nameHint}
        value={name}
        onInput={setName}
        autocomplete="username"
        required
        error={shown.name}
      />
      <Field
        label={words.password}
        hint={words.passwordHint}
        type="password"
        value={password}
        onInput={setPassword}
        autocomplete="new-password"
        required
        error={shown.password}
      />
      <PasswordStrength password={password} name={name} />
      <Field
        label={words.again}
        type="password"
        value={again}
        onInput={setAgain}
        autocomplete="new-password"
        required
        error={again !== '' && again !== password ? words.different : shown.again}
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
  const untouched = [current, next, again].every(field => field === '')
  const missing = (field: string) => (untouched || field !== '' ? undefined : words.incomplete)
  const { shown, frame } = useErrors({
    current: missing(current),
    next: missing(next) ?? (!untouched && next === current ? words.same : undefined),
    again: missing(again) ?? (next === again ? undefined : words.different),
  })
  const save = async () => {
    if (!untouched) noteSession(await api.changePassword({ current, next }))
    // The step is done by what it has made: only the way on is asked for.
    if (flow) flow.onDone('password', flow.setup)
    return false
  }
  return (
    <StepFrame step="password" save={save} {...frame}>
      <p>{words.isMade(name)}</p>
      <Field
        label={words.current}
        type="password"
        value={current}
        onInput={setCurrent}
        autocomplete="current-password"
        error={shown.current}
      />
      <Field
        label={words.next}
        hint={words.passwordHint}
        type="password"
        value={next}
        onInput={setNext}
        autocomplete="new-password"
        error={shown.next}
      />
      <PasswordStrength password={next} name={name} />
      <Field
        label={words.again}
        type="password"
        value={again}
        onInput={setAgain}
        autocomplete="new-password"
        error={shown.again}
      />
    </StepFrame>
  )
}
