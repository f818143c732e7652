// All checks, before the appliance is registered.

import { HealthChecks } from '../dashboard/health-checks.tsx'
import { live } from '../live.ts'
import { s } from '../locale/en-setup.ts'
import { useStore } from '../store.ts'
import { Note } from '../ui/messages.tsx'
import { StepFrame } from './step-frame.tsx'

export function ChecksStep() {
  const { data } = useStore(live.health)
  const errors = data?.checks.filter(({ state }) => state === 'error').length ?? 0
  return (
    <StepFrame step="checks" save={async () => true}>
      <p>{s.checks.text}</p>
      <HealthChecks runAtOnce />
      {errors > 0 && <Note>{s.checks.errors(errors)}</Note>}
    </StepFrame>
  )
}
