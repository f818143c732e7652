// Who sees what: the claim, the sign-in, or the appliance with its pages.
import { useEffect } from 'preact/hooks'
import { startLive } from './live.ts'
import { go, usePlace } from './router.ts'
import { refreshSession, useSession } from './session.ts'
import { Lazy } from './shell/lazy.tsx'
import { Pages } from './shell/pages.tsx'
import { Shell } from './shell/shell.tsx'
import { SignIn } from './shell/sign-in.tsx'
import { Solo } from './shell/solo.tsx'
import { Loading, Problem, Toasts } from './ui/messages.tsx'

export function App() {
  return (
    <>
      <Door />
      <Toasts />
    </>
  )
}

const claim = () => import('./setup/claim.tsx').then(module => module.Claim)
const rescuePage = () => import('./rescue/rescue-page.tsx').then(module => module.RescuePage)
const apiDocs = () => import('./docs/api-docs.tsx').then(module => module.ApiDocs)

function Door() {
  const { view, error, ended, rescue } = useSession()
  const { path } = usePlace()
  if (rescue) return <Lazy load={rescuePage} />
  if (path === '/api/docs') return <Lazy load={apiDocs} />
  if (!view) {
    return <Solo>{error ? <Problem error={error} onRetry={() => void refreshSession()} /> : <Loading />}</Solo>
  }
  if (view.state === 'unclaimed') return <Lazy load={claim} />
  if (view.state === 'signedOut') return <SignIn ended={ended} />
  return <Inside key={view.account?.id} />
}

function Inside() {
  const { view } = useSession()
  const { path } = usePlace()
  const first = view?.setupComplete === false && view.account?.role === 'administrator' && path === '/'
  useEffect(() => {
    const leaving = new AbortController()
    startLive(leaving.signal)
    return () => leaving.abort()
  }, [])
  useEffect(() => {
    if (first) go('/setup', { replace: true })
  }, [first])
  return (
    <Shell>
      <Pages path={path} />
    </Shell>
  )
}
