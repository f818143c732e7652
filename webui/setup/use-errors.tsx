// Errors beside their fields: shown once Next was pressed, gone as soon as they are mended.
import { useState } from 'preact/hooks'
import { s } from '../locale/en-setup.ts'
import { type Errors, hasErrors } from './field-checks.ts'

export function useErrors<Name extends string>(errors: Errors<Name>) {
  const [tried, setTried] = useState(false)
  const shown: Errors<Name> = tried ? errors : {}
  return {
    shown,
    /** For the step's frame. */
    frame: { invalid: hasErrors(errors) ? s.correct : undefined, onRefused: () => setTried(true) },
    /** After it was saved the next slip is told anew. */
    forget: () => setTried(false),
  }
}
