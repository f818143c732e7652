// Work that must not overlap, done in the order in which it was asked for.

/** Gives a queue: what it is handed runs when all before has ended. A failure is its caller's alone, and holds up nobody. */
export function oneAtATime(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return work => {
    const result = last.then(work)
    last = result.catch(() => undefined)
    return result
  }
}
