// Runs as operators look at them: listed, looked into, cancelled.
import type { RunState } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import type { RunRepository } from '../store/runs.ts'
import type { RunRates } from './run-view.ts'
import type { Runner } from './runner.ts'

export interface RunQuery {
  jobId?: string
  state?: RunState
  after?: string
  limit: number
}

/** The verbs on runs. */
export function runService({ runs, runner, rates }: { runs: RunRepository; runner: Runner; rates: RunRates }) {
  return {
    async list(query: RunQuery) {
      const { items, next } = await runs.list(query)
      return { items: items.map(run => rates.view(run)), ...(next === undefined ? {} : { next }) }
    },
    async get(id: string) {
      const run = await runs.get(id)
      if (run) return rates.view(run)
      throw new ApplianceError('NOT_FOUND', `There is no run ${id}`, { hint: 'List the runs to see which there are.' })
    },
    cancel: (id: string) => runner.cancel(id),
  }
}
