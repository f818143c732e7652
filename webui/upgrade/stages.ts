// The stages of an upgrade, in their order, and how each stands.
import type { UpgradeView } from '../contract.ts'
import type { StateKind } from '../ui/state.tsx'

const order = ['handing', 'preparing', 'trying'] as const
export type Stage = (typeof order)[number] | 'rolling-back'

/** Of a release that is put back, the trial has failed. */
export function stagesOf(phase: UpgradeView['phase']): { stage: Stage; kind: StateKind }[] {
  const isBack = phase === 'rolling-back'
  const at = isBack ? order.indexOf('trying') : order.indexOf(phase as (typeof order)[number])
  const stages: { stage: Stage; kind: StateKind }[] = order.map((stage, index) => ({
    stage,
    kind: index < at ? 'success' : index > at ? 'pending' : isBack ? 'error' : 'inProgress',
  }))
  return isBack ? [...stages, { stage: 'rolling-back', kind: 'inProgress' }] : stages
}
