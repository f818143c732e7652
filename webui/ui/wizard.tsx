// A vertical wizard: steps at the side, one sheet, Back and Next.
import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { t } from '../locale/en.ts'
import type { ApiError } from '../request.ts'
import { Button } from './button.tsx'
import { Icon } from './icon.tsx'
import { Problem } from './messages.tsx'

export interface WizardStep {
  id: string
  title: string
  done: boolean
  /** May be gone to from the list. */
  open: boolean
}

export interface WizardProps {
  label: string
  steps: readonly WizardStep[]
  current: string
  onGo: (id: string) => void
  onBack?: (() => void) | undefined
  onNext: () => void
  next?: string
  nextDisabled?: boolean
  busy?: boolean
  error?: ApiError | undefined
  /** Besides Back and Next. */
  extra?: ComponentChildren
  children: ComponentChildren
}

export function Wizard(props: WizardProps) {
  const heading = useRef<HTMLHeadingElement>(null)
  const step = props.steps.find(({ id }) => id === props.current)
  useEffect(() => {
    heading.current?.focus({ preventScroll: true })
  }, [props.current])
  return (
    <div class="wizard">
      <ol class="steps" aria-label={props.label}>
        {props.steps.map((one, index) => (
          <li key={one.id}>
            <StepName step={one} number={index + 1} current={one.id === props.current} onGo={props.onGo} />
          </li>
        ))}
      </ol>
      <form
        class="sheet"
        noValidate
        onSubmit={event => {
          event.preventDefault()
          if (!props.nextDisabled && !props.busy) props.onNext()
        }}
      >
        <h2 ref={heading} tabIndex={-1}>
          {step?.title}
        </h2>
        <div class="stack loose">{props.children}</div>
        {props.error && <Problem error={props.error} />}
        <div class="buttons">
          {props.extra}
          {props.onBack && <Button onClick={props.onBack}>{t.back}</Button>}
          <Button type="submit" kind="primary" busy={props.busy} disabled={props.nextDisabled}>
            {props.next ?? t.next}
          </Button>
        </div>
      </form>
    </div>
  )
}

function StepName({
  step,
  number,
  current,
  onGo,
}: {
  step: WizardStep
  number: number
  current: boolean
  onGo: (id: string) => void
}) {
  const inner = (
    <>
      {step.done ? <Icon name="check" class="done" /> : <Icon name="ring" />}
      <span>
        {number}
        <span class="name">. {step.title}</span>
        {step.done && <span class="unseen"> ({t.states.success})</span>}
      </span>
    </>
  )
  if (step.open && !current) {
    return (
      <button type="button" onClick={() => onGo(step.id)}>
        {inner}
      </button>
    )
  }
  return (
    <span class="step" aria-current={current ? 'step' : undefined}>
      {inner}
    </span>
  )
}
