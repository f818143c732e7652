// A button; or, with `href`, a link that looks like one.
import type { ComponentChildren } from 'preact'
import { Icon, type IconName } from './icon.tsx'

export interface ButtonProps {
  children?: ComponentChildren
  onClick?: (() => void) | undefined
  href?: string
  /** The browser saves what the link leads to. */
  download?: boolean
  kind?: 'primary' | 'outline' | 'plain'
  danger?: boolean
  type?: 'button' | 'submit'
  /** It works on it: cannot be pressed again, and says so. */
  busy?: boolean | undefined
  disabled?: boolean | undefined
  icon?: IconName
  /** In place of words; read out, and shown when pointed at. */
  label?: string | undefined
  expanded?: boolean
  class?: string
}

export function Button(props: ButtonProps) {
  const { children, kind = 'outline', danger = false, busy = false, icon, label, href } = props
  const classes = ['button', kind, danger && 'danger', children === undefined && 'icon-only', props.class]
  const shared = { class: classes.filter(Boolean).join(' '), 'aria-label': label, title: label }
  const inner = (
    <>
      {busy ? <Icon name="turn" /> : icon && <Icon name={icon} />}
      {children}
    </>
  )
  if (href !== undefined) {
    return (
      <a {...shared} href={href} download={props.download ? '' : undefined}>
        {inner}
      </a>
    )
  }
  return (
    <button
      {...shared}
      type={props.type ?? 'button'}
      onClick={props.onClick}
      disabled={props.disabled || busy}
      aria-busy={busy ? 'true' : undefined}
      aria-expanded={props.expanded}
    >
      {inner}
    </button>
  )
}
