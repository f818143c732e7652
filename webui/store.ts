// A value that components follow.
import { useEffect, useState } from 'preact/hooks'

export interface Store<T> {
  get(): T
  set(value: T): void
  follow(act: (value: T) => void): () => void
}

export function createStore<T>(first: T): Store<T> {
  let value = first
  const followers = new Set<(value: T) => void>()
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return
      value = next
      for (const follower of [...followers]) follower(next)
    },
    follow(act) {
      followers.add(act)
      return () => followers.delete(act)
    },
  }
}

/** The store's value, as of now. */
export function useStore<T>(store: Store<T>): T {
  const [value, setValue] = useState(() => ({ of: store.get() }))
  useEffect(() => {
    // It may have changed between the first drawing and now.
    setValue(shown => (Object.is(shown.of, store.get()) ? shown : { of: store.get() }))
    return store.follow(next => setValue({ of: next }))
  }, [store])
  return value.of
}
