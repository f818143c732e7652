// The licence, to be read and accepted.
import { useContext, useState } from 'preact/hooks'
import licence from '../../LICENSE?raw'
import { s } from '../locale/en-setup.ts'
import { CodeBlock } from '../ui/code-block.tsx'
import { Check } from '../ui/field.tsx'
import { isDone } from './setup-steps.ts'
import { SetupContext, StepFrame } from './step-frame.tsx'

export function LicenceStep() {
  const flow = useContext(SetupContext)
  const [accepted, setAccepted] = useState(() => isDone(flow?.setup, 'licence'))
  return (
    <StepFrame step="licence" save={async () => true} invalid={accepted ? undefined : s.licence.needed}>
      <p>{s.licence.text}</p>
      <CodeBlock class="licence" label={s.licence.label} text={licence} />
      <Check label={s.licence.accept} checked={accepted} onInput={setAccepted} />
    </StepFrame>
  )
}
