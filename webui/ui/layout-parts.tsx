// Parts that pages are laid out with: head, card, facts, tabs, side panel.
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { t } from '../locale/en.ts'
import type { ApiError } from '../request.ts'
import { Button } from './button.tsx'
import { Loading, Problem } from './messages.tsx'

export interface PageHeadProps {
  title: string
  /** Where one comes from. */
  crumb?: { href: string; label: string }
  children?: ComponentChildren
  /** Buttons. */
  actions?: ComponentChildren
}

/** Gives the document its title, and the focus to the heading, so that a screen reader says where one is. */
export function PageHead({ title, crumb, children, actions }: PageHeadProps) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${title} · ${t.product}`
  }, [title])
  useEffect(() => {
    heading.current?.focus({ preventScroll: true })
  }, [])
  return (
    <div class="page-head">
      <div class="titles">
        {crumb && (
          <a class="crumb" href={crumb.href}>
            {crumb.label}
          </a>
        )}
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {children && <div class="muted">{children}</div>}
      </div>
      {actions && <div class="buttons">{actions}</div>}
    </div>
  )
}

/** A page before its data: its heading, and that it is read, or why it cannot be. */
export function PageWithout({
  title,
  error,
  onRetry,
}: {
  title: string
  error: ApiError | undefined
  onRetry: () => void
}) {
  return (
    <>
      <PageHead title={title} />
      {error ? <Problem error={error} onRetry={onRetry} /> : <Loading />}
    </>
  )
}

export function Card({
  title,
  actions,
  children,
}: {
  title?: string
  actions?: ComponentChildren
  children: ComponentChildren
}) {
  const id = useId()
  return (
    <section class="card" aria-labelledby={title === undefined ? undefined : id}>
      {title !== undefined && (
        <header>
          <h2 id={id}>{title}</h2>
          {actions && <div class="buttons">{actions}</div>}
        </header>
      )}
      <div class="stack">{children}</div>
    </section>
  )
}

/** Names and what they are; those without a value are left out. */
export function Facts({ of }: { of: readonly (readonly [string, ComponentChildren])[] }) {
  const shown = of.filter(([, value]) => value !== undefined && value !== '' && value !== null && value !== false)
  return (
    <dl class="facts">
      {shown.map(([name, value]) => (
        <>
          <dt key={name}>{name}</dt>
          <dd key={`${name}=`}>{value}</dd>
        </>
      ))}
    </dl>
  )
}

/** Links to the parts of a page, each with a place of its own. */
export function Tabs({
  label,
  tabs,
  current,
}: {
  label: string
  tabs: readonly { href: string; label: string }[]
  current: string
}) {
  const bar = useRef<HTMLElement>(null)
  useEffect(() => {
    // On a narrow window not all are in sight. The bar alone is moved, not the page.
    const there = bar.current?.querySelector<HTMLElement>('[aria-current]')
    if (bar.current && there)
      bar.current.scrollLeft =
        there.offsetLeft - bar.current.offsetLeft - (bar.current.clientWidth - there.clientWidth) / 2
  }, [current])
  return (
    <nav class="tabs" aria-label={label} ref={bar}>
      {tabs.map(tab => (
        <a key={tab.href} href={tab.href} aria-current={tab.href === current ? 'page' : undefined}>
          {tab.label}
        </a>
      ))}
    </nav>
  )
}

/** Details beside a list. Escape closes it; the focus comes in when it opens. */
export function SidePanel({
  title,
  onClose,
  children,
}: {
  title: string
  onClose: () => void
  children: ComponentChildren
}) {
  const heading = useRef<HTMLHeadingElement>(null)
  const id = useId()
  useEffect(() => {
    const before = document.activeElement
    heading.current?.focus({ preventScroll: true })
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true })
    }
  }, [])
  return (
    <aside
      class="panel"
      aria-labelledby={id}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
      tabIndex={0}
      onKeyDown={event => {
        if (event.key === 'Escape') onClose()
      }}
    >
      <header>
        <h2 id={id} ref={heading} tabIndex={-1}>
          {title}
        </h2>
        <Button kind="plain" icon="close" label={t.close} onClick={onClose} />
      </header>
      <div class="body">{children}</div>
    </aside>
  )
}
