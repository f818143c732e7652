// The first page of all: the setup code, the licence, and the first administrator.
import { useEffect, useRef, useState } from 'preact/hooks'
import { api } from '../api.ts'
import { ImportDialog } from '../backups/import-dialog.tsx'
import type { SetupStepId, SetupView } from '../contract.ts'
import { useAction, useResource } from '../hooks.ts'
import { t } from '../locale/en.ts'
import { b } from '../locale/en-backups.ts'
import { s } from '../locale/en-setup.ts'
import { toApiError } from '../request.ts'
import { Restored } from '../rescue/restored.tsx'
import { go, usePlace } from '../router.ts'
import { noteSession, refreshSession, useSession } from '../session.ts'
import { Brand } from '../shell/brand.tsx'
import { Solo } from '../shell/solo.tsx'
import { Button } from '../ui/button.tsx'
import { Field } from '../ui/field.tsx'
import { PageHead } from '../ui/layout-parts.tsx'
import { Loading, Problem } from '../ui/messages.tsx'
import { codeLength, mayBeCode } from './field-checks.ts'
import { LicenceStep } from './licence-step.tsx'
import { NewAdministrator } from './password-step.tsx'
import { isDone, isStep } from './setup-steps.ts'
import { SetupContext } from './step-frame.tsx'

export function Claim() {
  const accepted = useSession().view?.csrf !== undefined
  return accepted ? <FirstSteps /> : <Code />
}

function Code() {
  const [code, setCode] = useState('')
  const [wrongLength, setWrongLength] = useState<number>()
  const { busy, error, run, clear } = useAction()
  const form = useRef<HTMLFormElement>(null)
  useEffect(() => form.current?.querySelector('input')?.focus(), [])
  const submit = async () => {
    clear()
    const fits = mayBeCode(code)
    // A slip costs no attempt.
    setWrongLength(fits ? undefined : codeLength(code))
    if (fits) await run(claim)
  }
  const claim = async () => {
    try {
      noteSession(await api.claim(code))
    } catch (thrown) {
      // Another window was quicker: the sign-in is what comes next.
      if (toApiError(thrown).code === 'ALREADY_CLAIMED') return await refreshSession()
      throw thrown
    }
  }
  return (
    <Solo>
      <form
        ref={form}
        class="stack loose"
        noValidate
        onSubmit={event => {
          event.preventDefault()
          void submit()
        }}
      >
        <PageHead title={s.claim.title} />
        <p>{s.claim.text}</p>
        <Field
          label={s.claim.code}
          hint={s.claim.codeHint}
          value={code}
          onInput={value => {
            setCode(value)
            setWrongLength(undefined)
          }}
          required
          maxLength={64}
          error={wrongLength === undefined ? undefined : s.claim.codeLength(wrongLength)}
        />
        {error && <Problem error={error} />}
        <Button type="submit" kind="primary" busy={busy} disabled={code.trim() === ''}>
          {s.claim.act}
        </Button>
      </form>
    </Solo>
  )
}

const firstSteps: readonly SetupStepId[] = ['licence', 'password']

function FirstSteps() {
  const read = useResource(signal => api.setup(signal))
  const asked = usePlace().query.get('step')
  const [importing, setImporting] = useState(false)
  const [restored, setRestored] = useState(false)
  const firstOpen = read.data && (isDone(read.data, 'licence') ? 'password' : 'licence')
  const step = isStep(asked) && firstSteps.includes(asked) ? asked : firstOpen
  useEffect(() => {
    // Each step is a place of its own: Back in the browser goes to the one before.
    if (step && step !== asked) go(`/setup?step=${step}`, { replace: true })
  }, [step, asked])
  if (restored) return <Restored />
  if (!read.data || !step)
    return <Solo>{read.error ? <Problem error={read.error} onRetry={read.reload} /> : <Loading />}</Solo>
  const setup: SetupView = read.data
  const onGo = (to: SetupStepId) => go(`/setup?step=${to}`)
  const onDone = (done: SetupStepId, now: SetupView) => {
    read.set(now)
    if (done === 'licence') onGo('password')
  }
  return (
    <main class="main">
      <div class="solo-head">
        <Brand />
        {t.product}
      </div>
      <PageHead title={s.title} actions={<Button onClick={() => setImporting(true)}>{s.fromBackup}</Button>}>
        {s.intro}
      </PageHead>
      {importing && (
        <ImportDialog
          text={b.importFresh}
          send={api.sendBackup}
          act={({ passphrase }) => api.importBackup({ passphrase })}
          onDone={() => setRestored(true)}
          onClose={() => setImporting(false)}
        />
      )}
      <SetupContext.Provider value={{ setup, onDone, onGo, only: firstSteps }}>
        {step === 'licence' ? <LicenceStep /> : <NewAdministrator />}
      </SetupContext.Provider>
    </main>
  )
}
