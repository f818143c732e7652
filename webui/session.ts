// Who is signed in, and what that role may do.
import { api } from './api.ts'
import type { Role, SessionView } from './contract.ts'
import type { ApiError } from './request.ts'
import { setCsrf, toApiError, whenSessionIsForeign, whenSignedOut } from './request.ts'
import { createStore, useStore } from './store.ts'

export interface SessionState {
  view?: SessionView
  error?: ApiError
  /** The database is damaged: there are no accounts, and nothing but the rescue mode. */
  rescue?: true
  /** It was signed in, and is no more without having asked for it. */
  ended: boolean
  /** Another window has changed who is signed in: what was asked for here was not done. */
  elsewhere?: true
}

const session = createStore<SessionState>({ ended: false })

export const useSession = (): SessionState => useStore(session)

/** Asks who is signed in, now and whenever the API says that nobody is. */
export function startSession(): void {
  whenSignedOut(() => {
    if (session.get().view?.state === 'signedIn') void refreshSession()
  })
  whenSessionIsForeign(adoptSession)
  void refreshSession()
}

/** Takes over the session that another window has opened. Resolves with whether it is the same person's. */
export async function adoptSession(): Promise<boolean> {
  const before = session.get().view
  await refreshSession()
  const { view } = session.get()
  const same = view?.csrf !== undefined && view.state === before?.state && view.account?.id === before?.account?.id
  if (!same && view) session.set({ ...session.get(), elsewhere: true })
  return same
}

export async function refreshSession(): Promise<void> {
  try {
    noteSession(await api.session())
  } catch (thrown) {
    const error = toApiError(thrown)
    // An appliance that works answers everybody who asks who is signed in.
    session.set({ ...session.get(), error, ...(error.status === 401 ? { rescue: true } : {}) })
  }
}

export function noteSession(view: SessionView): void {
  const was = session.get().view?.state
  setCsrf(view.csrf)
  session.set({ view, ended: was === 'signedIn' && view.state === 'signedOut' })
}

export async function signOut(): Promise<void> {
  await api.signOut()
  setCsrf(undefined)
  session.set({ ended: false })
  await refreshSession()
}

const ranks: readonly Role[] = ['support', 'operator', 'administrator']

/** Whether a role may do what needs another. */
export const mayAs = (role: Role | undefined, needed: Role): boolean =>
  role !== undefined && ranks.indexOf(role) >= ranks.indexOf(needed)

/** Whether the user may do what needs this role. */
export function useMay(needed: Role): boolean {
  return mayAs(useSession().view?.account?.role, needed)
}
