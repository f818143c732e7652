// Runs that have not ended, as far as gauges tell of them: read from the store once, then followed.
import { isStage, type Run } from '../domain.ts'

/** What gauges tell of a run. */
export type RunFigures = Pick<Run, 'id' | 'state' | 'steps' | 'setback'>

export interface RunsUnderWay {
  /** To be called at every change of a run. */
  observe(run: RunFigures): void
  /** @throws what the first reading failed with; it is tried again at the next call */
  all(): Promise<readonly RunFigures[]>
}

/**
 * Follows the runs: thousands of them may wait for their turn, and to read them all for each scrape would hold the event loop.
 * @param read what the store says
 */
export function runsUnderWay(read: () => Promise<readonly RunFigures[]>): RunsUnderWay {
  const known = new Map<string, RunFigures>()
  /** Runs that changed before the store was read: what it says of them may be older. Undefined from then on. */
  let changed: Set<string> | undefined = new Set()
  let reading: Promise<void> | undefined

  async function readOnce(): Promise<void> {
    for (const run of await read()) if (!changed?.has(run.id)) known.set(run.id, run)
    changed = undefined
  }

  function whenRead(): Promise<void> {
    reading ??= readOnce().catch(error => {
      reading = undefined
      throw error
    })
    return reading
  }

  return {
    observe({ id, state, steps, setback }) {
      if (isStage(state)) known.set(id, { id, state, steps, ...(setback && { setback }) })
      else known.delete(id)
      if (!changed) return
      changed.add(id)
      // Now, so that the changes need not be remembered until somebody asks, who is told of what it fails with.
      whenRead().catch(() => undefined)
    },

    async all() {
      await whenRead()
      return [...known.values()]
    },
  }
}
