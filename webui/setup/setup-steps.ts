// The order of the setup's steps, and where to go on. Pure.
import type { SetupStepId, SetupView } from '../contract.ts'

export const stepOrder: readonly SetupStepId[] = [
  'licence',
  'password',
  'network',
  'uploads',
  'aws',
  'vcenter',
  'checks',
  'register',
]

export function isStep(text: string | null): text is SetupStepId {
  return stepOrder.some(step => step === text)
}

export function isDone(setup: SetupView | undefined, step: SetupStepId): boolean {
  return setup?.steps.find(({ id }) => id === step)?.state === 'done'
}

/** The first step that is not done; the last when all are. */
export function firstOpen(setup: SetupView): SetupStepId {
  return stepOrder.find(step => !isDone(setup, step)) ?? 'register'
}

export const stepAfter = (step: SetupStepId): SetupStepId | undefined => stepOrder[stepOrder.indexOf(step) + 1]
export const stepBefore = (step: SetupStepId): SetupStepId | undefined => stepOrder[stepOrder.indexOf(step) - 1]
