// How something stands: always an icon and a word.
import { t } from '../locale/en.ts'
import { Icon, type IconName } from './icon.tsx'

export type StateKind = 'notStarted' | 'pending' | 'inProgress' | 'success' | 'warning' | 'error' | 'stopped'

const icons: Record<StateKind, IconName> = {
  notStarted: 'ring',
  pending: 'clock',
  inProgress: 'turn',
  success: 'check',
  warning: 'warning',
  error: 'cross',
  stopped: 'stop',
}

/** The kind's own word unless there is a better one. */
export function State({ kind, word }: { kind: StateKind; word?: string }) {
  return (
    <span class={`state ${kind}`}>
      <Icon name={icons[kind]} />
      <span>{word ?? t.states[kind]}</span>
    </span>
  )
}
