// What is said besides the data: problems, notes, empty states, and short messages in the corner.
import type { ComponentChildren } from 'preact'
import { problemWords, t } from '../locale/en.ts'
import type { ApiError } from '../request.ts'
import { createStore, useStore } from '../store.ts'
import { Button } from './button.tsx'
import { Icon, type IconName } from './icon.tsx'

export interface ProblemProps {
  error: Pick<ApiError, 'code' | 'message' | 'hint'>
  kind?: 'error' | 'warning'
  onRetry?: (() => void) | undefined
  children?: ComponentChildren
}

/** What went wrong, what to do, and the code to look for. */
export function Problem({ error, kind = 'error', onRetry, children }: ProblemProps) {
  const { message, hint } = problemWords(error)
  return (
    <div class={`problem ${kind}`} role="alert">
      <div class="head">
        <Icon name={kind === 'error' ? 'cross' : 'warning'} />
        <span>{message}</span>
      </div>
      {hint && <div>{hint}</div>}
      <div class="muted">
        {t.code} <code>{error.code}</code>
      </div>
      {(onRetry || children) && (
        <div class="buttons">
          {onRetry && (
            <Button onClick={onRetry} icon="turn">
              {t.tryAgain}
            </Button>
          )}
          {children}
        </div>
      )}
    </div>
  )
}

export interface NoteProps {
  /** A warning: what is being done is likely to go wrong. */
  kind?: 'info' | 'warning'
  children: ComponentChildren
}

export function Note({ kind = 'info', children }: NoteProps) {
  return (
    <div class={`note ${kind}`}>
      <Icon name={kind} />
      <div>{children}</div>
    </div>
  )
}

export interface EmptyStateProps {
  icon: IconName
  title: string
  /** What to do next. */
  children?: ComponentChildren
  action?: ComponentChildren
}

export function EmptyState({ icon, title, children, action }: EmptyStateProps) {
  return (
    <div class="empty">
      <Icon name={icon} />
      <h2>{title}</h2>
      {children && <p>{children}</p>}
      {action}
    </div>
  )
}

/** While it is read: said only to those who cannot see that nothing is there yet. */
export function Loading() {
  return (
    <div class="empty" role="status">
      <span class="state inProgress">
        <Icon name="turn" />
        <span>{t.loading}</span>
      </span>
    </div>
  )
}

interface Toast {
  id: number
  text: string
  kind: 'success' | 'error'
}

const toasts = createStore<Toast[]>([])
/** Long enough to read two lines. */
const toastMs = 6_000
let nextToast = 1

/** Says something in the corner for a while. Errors stay until they are closed. */
export function toast(text: string, kind: Toast['kind'] = 'success'): void {
  const id = nextToast++
  toasts.set([...toasts.get(), { id, text, kind }].slice(-4))
  if (kind === 'success') setTimeout(() => closeToast(id), toastMs)
}

function closeToast(id: number): void {
  toasts.set(toasts.get().filter(one => one.id !== id))
}

export function Toasts() {
  const shown = useStore(toasts)
  return (
    <div class="toasts" role="status" aria-live="polite">
      {shown.map(({ id, text, kind }) => (
        <div key={id} class={`toast ${kind}`}>
          <Icon name={kind === 'success' ? 'check' : 'cross'} />
          <span>{text}</span>
          <Button kind="plain" icon="close" label={t.close} onClick={() => closeToast(id)} />
        </div>
      ))}
    </div>
  )
}
