// The setup wizard of a signed-in administrator; from Settings the same steps, opened again.
import { useEffect } from 'preact/hooks'
import { api } from '../api.ts'
import type { SetupStepId, SetupView } from '../contract.ts'
import { useResource } from '../hooks.ts'
import { t } from '../locale/en.ts'
import { s } from '../locale/en-setup.ts'
import { go, usePlace } from '../router.ts'
import { refreshSession } from '../session.ts'
import { PageHead, PageWithout } from '../ui/layout-parts.tsx'
import { toast } from '../ui/messages.tsx'
import { AwsStep } from './aws-step.tsx'
import { ChecksStep } from './checks-step.tsx'
import { LicenceStep } from './licence-step.tsx'
import { NetworkStep } from './network-step.tsx'
import { PasswordStep } from './password-step.tsx'
import { RegisterStep } from './register-step.tsx'
import { firstOpen, isStep, stepAfter } from './setup-steps.ts'
import { SetupContext } from './step-frame.tsx'
import { UploadsStep } from './uploads-step.tsx'
import { VcenterStep } from './vcenter-step.tsx'

const views: Record<SetupStepId, () => preact.JSX.Element> = {
  licence: LicenceStep,
  password: PasswordStep,
  network: NetworkStep,
  uploads: UploadsStep,
  aws: AwsStep,
  vcenter: VcenterStep,
  checks: ChecksStep,
  register: RegisterStep,
}

export function SetupPage() {
  const read = useResource(signal => api.setup(signal))
  const asked = usePlace().query.get('step')
  const open = read.data && firstOpen(read.data)
  useEffect(() => {
    // A place of its own for each step: what has none takes no place in the history.
    if (open && !isStep(asked)) go(`/setup?step=${open}`, { replace: true })
  }, [open, asked])
  if (!read.data) return <PageWithout title={s.title} error={read.error} onRetry={read.reload} />
  const setup = read.data
  const step = isStep(asked) ? asked : firstOpen(setup)
  const onGo = (next: SetupStepId) => go(`/setup?step=${next}`)
  const onDone = (done: SetupStepId, now: SetupView) => {
    const wasComplete = setup.complete
    read.set(now)
    const next = stepAfter(done)
    if (wasComplete) {
      toast(t.saved)
      go('/settings')
    } else if (next) onGo(next)
    else {
      toast(s.register.done)
      // The dashboard leads back here while the session says that the setup goes on.
      void refreshSession().then(() => go('/'))
    }
  }
  const View = views[step]
  return (
    <>
      <PageHead title={s.title} {...(setup.complete ? { crumb: { href: '/settings', label: t.nav.settings } } : {})}>
        {!setup.complete && s.intro}
      </PageHead>
      <SetupContext.Provider value={{ setup, onDone, onGo }}>
        <View key={step} />
      </SetupContext.Provider>
    </>
  )
}
