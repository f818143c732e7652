// Asks whoever is signed in for their own password: a session that somebody left open must not be enough.
import { Field } from './field.tsx'

export function OwnPassword(props: { label: string; value: string; onInput: (password: string) => void }) {
  return <Field {...props} type="password" autocomplete="current-password" required />
}
