// Top bar, navigation, and what holds for the whole appliance, around every page.
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { api } from '../api.ts'
import { useResource } from '../hooks.ts'
import { live } from '../live.ts'
import { t } from '../locale/en.ts'
import { doneElsewhere } from '../locale/en-refusals.ts'
import { usePlace } from '../router.ts'
import { mayAs, signOut, useSession } from '../session.ts'
import { useStore } from '../store.ts'
import { chooseTheme, theme, themes } from '../theme.ts'
import { Button } from '../ui/button.tsx'
import { Icon } from '../ui/icon.tsx'
import { toast } from '../ui/messages.tsx'
import { UpgradeBanner, useUpgrading } from '../upgrade/upgrade-banner.tsx'
import { Brand } from './brand.tsx'
import { isIn, navigation } from './navigation.ts'

/** Pages whose table takes the height that is left, and scrolls by itself. */
const fills = new Set(['/servers', '/jobs', '/runs', '/images', '/audit'])

export function Shell({ children }: { children: ComponentChildren }) {
  const { path } = usePlace()
  const [open, setOpen] = useState(false)
  const main = useRef<HTMLElement>(null)
  useEffect(() => {
    setOpen(false)
    main.current?.scrollTo(0, 0)
  }, [path])
  return (
    <div class="shell">
      <a class="skip" href="#main">
        {t.shell.skip}
      </a>
      <TopBar open={open} onMenu={() => setOpen(!open)} />
      <Navigation path={path} open={open} onClose={() => setOpen(false)} />
      <main id="main" ref={main} tabIndex={-1} class={`main ${fills.has(path) ? 'fill' : ''}`}>
        <Banners path={path} />
        {children}
      </main>
    </div>
  )
}

function TopBar({ open, onMenu }: { open: boolean; onMenu: () => void }) {
  const account = useSession().view?.account
  const chosen = useStore(theme)
  const nextTheme = themes[(themes.indexOf(chosen) + 1) % themes.length] ?? 'system'
  return (
    <header class="bar">
      <Button kind="plain" icon="menu" label={t.shell.menu} class="menu-toggle" expanded={open} onClick={onMenu} />
      <a class="brand" href="/">
        <Brand />
        {t.product}
      </a>
      <span class="where">{location.hostname}</span>
      <span class="space" />
      <Button kind="plain" icon="theme" label={t.shell.theme[chosen]} onClick={() => chooseTheme(nextTheme)} />
      {account && <span class="wide">{t.shell.signedInAs(account.name, t.roles[account.role])}</span>}
      <Button kind="plain" onClick={() => void signOut().catch(() => toast(t.unknownProblem, 'error'))}>
        {t.shell.signOut}
      </Button>
    </header>
  )
}

function Navigation({ path, open, onClose }: { path: string; open: boolean; onClose: () => void }) {
  const role = useSession().view?.account?.role
  return (
    <nav
      class={`nav ${open ? 'open' : ''}`}
      aria-label={t.shell.navigation}
      onKeyDown={event => {
        if (event.key === 'Escape') onClose()
      }}
    >
      <ul>
        {navigation
          .filter(entry => mayAs(role, entry.role))
          .map(entry => (
            <li key={entry.path} class={entry.apart ? 'apart' : undefined}>
              <a href={entry.path} aria-current={isIn(entry.path, path) ? 'page' : undefined} onClick={onClose}>
                <Icon name={entry.icon} />
                {t.nav[entry.name]}
              </a>
            </li>
          ))}
      </ul>
    </nav>
  )
}

/** What has to be known wherever one is. */
function Banners({ path }: { path: string }) {
  const { view, elsewhere } = useSession()
  const stream = useStore(live.stream)
  const connector = useResource(signal => api.connector(signal), [stream === 'open'])
  const [lostForAWhile, setLostForAWhile] = useState(false)
  useEffect(() => {
    if (stream !== 'lost') {
      setLostForAWhile(false)
      return
    }
    // A blink of the network is nobody's business.
    const timer = setTimeout(() => setLostForAWhile(true), 2_000)
    return () => clearTimeout(timer)
  }, [stream])
  const upgrading = useUpgrading()
  const setupOpen = view?.setupComplete === false && view.account?.role === 'administrator' && path !== '/setup'
  return (
    <>
      <div role="status">
        {lostForAWhile && !upgrading && (
          <div class="banner">
            <span>{t.shell.lost}</span>
          </div>
        )}
      </div>
      <UpgradeBanner path={path} />
      {elsewhere && (
        <div class="banner" role="alert">
          <span>{doneElsewhere.message}</span>
          <Button onClick={() => location.reload()}>{t.shell.reload}</Button>
        </div>
      )}
      {setupOpen && (
        <div class="banner">
          <span>{t.shell.setupOpen}</span>
          <Button href="/setup">{t.shell.goOn}</Button>
        </div>
      )}
      {connector.data?.state === 'readOnly' && path !== '/connectors' && (
        <div class="banner">
          <span>{t.shell.readOnly}</span>
          <Button href="/connectors">{t.shell.decide}</Button>
        </div>
      )}
    </>
  )
}
