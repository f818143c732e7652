// How good a password is, as the appliance judges it: the page knows no rules of its own.
import { useEffect, useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { PasswordCheck } from '../contract.ts'
import { s } from '../locale/en-setup.ts'

/** Not at every key, milliseconds. */
const pauseMs = 300

export function PasswordStrength({ password, name }: { password: string; name: string }) {
  const [check, setCheck] = useState<PasswordCheck>()
  useEffect(() => {
    if (password === '') return setCheck(undefined)
    let there = true
    const timer = setTimeout(() => {
      // A hint that cannot be had is none: the password is checked again when it is saved.
      api.checkPassword({ password, ...(name === '' ? {} : { name }) }).then(
        answer => there && setCheck(answer),
        () => undefined,
      )
    }, pauseMs)
    return () => {
      there = false
      clearTimeout(timer)
    }
  }, [password, name])
  return (
    <div class="stack" aria-live="polite">
      {check && (
        <>
          <div class="meter" aria-hidden="true">
            {[1, 2, 3, 4].map(level => (
              <i key={level} class={check.score >= level ? 'on' : ''} />
            ))}
          </div>
          <p class={check.acceptable ? 'hint' : 'wrong'}>
            {s.password.strength}: {s.password.strengths[check.score]}.{' '}
            {check.problems.map(({ message }) => message).join(' ')}
          </p>
        </>
      )}
    </div>
  )
}
