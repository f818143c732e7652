// The first page of all: the setup code, the licence, and the first administrator.
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { SetupStepId, SetupView } from '../contract.ts'
import { useAction, useResource } from '../hooks.ts'
import { t } from '../locale/en.ts'
import { s } from '../locale/en-setup.ts'
import { noteSession, useSession } from '../session.ts'
import { Brand } from '../shell/brand.tsx'
import { Solo } from '../shell/solo.tsx'
import { Button } from '../ui/button.tsx'
import { Field } from '../ui/field.tsx'
import { PageHead } from '../ui/layout-parts.tsx'
import { Loading, Problem } from '../ui/messages.tsx'
import { LicenceStep } from './licence-step.tsx'
import { NewAdministrator } from './password-step.tsx'
import { isDone } from './setup-steps.ts'
import { SetupContext } from './step-frame.tsx'

export function Claim() {
  const accepted = useSession().view?.csrf !== undefined
  return accepted ? <FirstSteps /> : <Code />
}

function Code() {
  const [code, setCode] = useState('')
  const { busy, error, run } = useAction()
  return (
    <Solo>
      <form
        class="stack loose"
        onSubmit={event => {
          event.preventDefault()
          void run(async () => noteSession(await api.claim(code)))
        }}
      >
        <PageHead title={s.claim.title} />
        <p>{s.claim.text}</p>
        <Field label={s.claim.code} hint={s.claim.codeHint} value={code} onInput={setCode} required maxLength={64} />
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
  const [at, setAt] = useState<SetupStepId>()
  if (!read.data) return <Solo>{read.error ? <Problem error={read.error} onRetry={read.reload} /> : <Loading />}</Solo>
  const setup: SetupView = read.data
  const step = at ?? (isDone(setup, 'licence') ? 'password' : 'licence')
  const onDone = (done: SetupStepId, now: SetupView) => {
    read.set(now)
    if (done === 'licence') setAt('password')
  }
  return (
    <main class="main">
      <div class="solo-head">
        <Brand />
        {t.product}
      </div>
      <PageHead title={s.title}>{s.intro}</PageHead>
      <SetupContext.Provider value={{ setup, onDone, onGo: setAt, only: firstSteps }}>
        {step === 'licence' ? <LicenceStep /> : <NewAdministrator />}
      </SetupContext.Provider>
    </main>
  )
}
