// What components share: reading from the API, doing something, being somewhere.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import type { ApiError } from './request.ts'
import { toApiError } from './request.ts'

export interface Resource<T> {
  data: T | undefined
  error: ApiError | undefined
  loading: boolean
  reload: () => void
  set: (data: T) => void
}

/** Reads when `deps` change and on `reload`; what was read stays until the next is there. */
export function useResource<T>(read: (signal: AbortSignal) => Promise<T>, deps: readonly unknown[] = []): Resource<T> {
  const [state, setState] = useState<{ data?: T; error?: ApiError; loading: boolean }>({ loading: true })
  const [turn, setTurn] = useState(0)
  useEffect(() => {
    const leaving = new AbortController()
    setState(({ data }) => ({ loading: true, ...(data === undefined ? {} : { data }) }))
    read(leaving.signal).then(
      data => !leaving.signal.aborted && setState({ data, loading: false }),
      (thrown: unknown) =>
        !leaving.signal.aborted &&
        setState(({ data }) => ({
          loading: false,
          error: toApiError(thrown),
          ...(data === undefined ? {} : { data }),
        })),
    )
    return () => leaving.abort()
  }, [...deps, turn])
  const reload = useCallback(() => setTurn(value => value + 1), [])
  const set = useCallback((data: T) => setState({ data, loading: false }), [])
  return { data: state.data, error: state.error, loading: state.loading, reload, set }
}

export interface Action {
  busy: boolean
  error: ApiError | undefined
  /** Resolves with whether it went well. */
  run: (act: () => Promise<unknown>) => Promise<boolean>
  clear: () => void
}

/** Does one thing at a time, and keeps what went wrong. */
export function useAction(): Action {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<ApiError>()
  const there = useRef(true)
  useEffect(() => {
    there.current = true
    return () => {
      there.current = false
    }
  }, [])
  const run = useCallback(async (act: () => Promise<unknown>) => {
    setBusy(true)
    setError(undefined)
    try {
      await act()
      return true
    } catch (thrown) {
      if (there.current) setError(toApiError(thrown))
      return false
    } finally {
      if (there.current) setBusy(false)
    }
  }, [])
  const clear = useCallback(() => setError(undefined), [])
  return { busy, error, run, clear }
}

/** Draws again so often: for times that pass. */
export function useTick(everyMs: number): void {
  const [, setTick] = useState(0)
  useEffect(() => {
    const timer = setInterval(() => setTick(value => value + 1), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
}
