// A step of the setup in the wizard: saved on Next, marked as done, then the next one.
import type { ComponentChildren } from 'preact'
import { createContext } from 'preact'
import { useContext, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { SetupStepId, SetupView } from '../contract.ts'
import { useAction } from '../hooks.ts'
import { s } from '../locale/en-setup.ts'
import { Wizard } from '../ui/wizard.tsx'
import { isDone, stepBefore, stepOrder } from './setup-steps.ts'

export interface SetupFlow {
  setup: SetupView
  /** Marked as done. */
  onDone: (step: SetupStepId, setup: SetupView) => void
  onGo: (step: SetupStepId) => void
  /** Only these may be gone to; all when absent. */
  only?: readonly SetupStepId[]
}

export const SetupContext = createContext<SetupFlow | undefined>(undefined)

export interface StepFrameProps {
  step: SetupStepId
  /** Resolves with false to stay: there is something to be read first. */
  save: () => Promise<boolean | undefined>
  /** What is missing in the form: told when Next is pressed. */
  invalid?: string | undefined
  /** Next was pressed with something missing: the fields may say what. */
  onRefused?: () => void
  next?: string
  disabled?: boolean
  /** The step marks itself: by what it saves. */
  marksItself?: boolean
  children: ComponentChildren
}

export function StepFrame({ step, save, invalid, onRefused, next, disabled, marksItself, children }: StepFrameProps) {
  const flow = useContext(SetupContext)
  const { busy, error, run, clear } = useAction()
  const [told, setTold] = useState<string>()
  const [refusals, setRefusals] = useState(0)
  const foot = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => {
    // By now the fields say what is wrong: the first of them gets the focus.
    const wrong = refusals > 0 && foot.current?.closest('form')?.querySelector('[aria-invalid="true"]')
    if (wrong instanceof HTMLElement) wrong.focus()
  }, [refusals])
  if (!flow) throw new Error('A step stands in the setup only')
  const { setup, onDone, onGo, only } = flow
  const mayGo = (id: SetupStepId) =>
    only ? only.includes(id) : isDone(setup, id) || isDone(setup, stepBefore(id) ?? id)
  const submit = async () => {
    setTold(invalid)
    if (invalid !== undefined) {
      clear()
      onRefused?.()
      setRefusals(refusals + 1)
      return
    }
    await run(async () => {
      if ((await save()) === false) return
      if (!marksItself) onDone(step, await api.stepDone(step))
    })
  }
  const before = stepBefore(step)
  return (
    <Wizard
      label={s.stepsLabel}
      steps={stepOrder.map(id => ({ id, title: s.steps[id], done: isDone(setup, id), open: mayGo(id) }))}
      current={step}
      onGo={id => onGo(id as SetupStepId)}
      onBack={before && mayGo(before) ? () => onGo(before) : undefined}
      onNext={() => void submit()}
      {...(next === undefined ? {} : { next })}
      nextDisabled={disabled ?? false}
      busy={busy}
      error={error}
    >
      {children}
      <div ref={foot}>
        {told !== undefined && invalid !== undefined && (
          <p class="wrong" role="alert">
            {invalid}
          </p>
        )}
      </div>
    </Wizard>
  )
}
