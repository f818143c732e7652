// Replication runs: history, progress, cancel, retry.
import type { Static } from 'typebox'
import { ApplianceError } from '../errors.ts'
import type { JobService } from './jobs.ts'
import type { Routes } from './routes.ts'
import { errorAnswers, IdParams } from './schemas/common.ts'
import { RunPage, RunQuery, RunView } from './schemas/runs.ts'

export interface RunService {
  list(query: { jobId?: string; after?: string; limit: number }): Promise<Static<typeof RunPage>>
  get(id: string): Promise<RunView>
  /** Resolves when the run has ended and has taken away what it made. */
  cancel(id: string): Promise<void>
}

const tags = ['runs']

/** Ended, but not well: what a retry makes up for. */
const retriable: readonly string[] = ['failed', 'cancelled', 'missed']

export function runRoutes(app: Routes, runs: RunService, jobs: Pick<JobService, 'start'>): void {
  app.get(
    '/api/runs',
    {
      schema: {
        summary: 'Runs, newest first',
        tags,
        querystring: RunQuery,
        response: { 200: RunPage, ...errorAnswers },
      },
    },
    request => runs.list({ limit: 100, ...request.query }),
  )
  app.get(
    '/api/runs/:id',
    { schema: { summary: 'One run', tags, params: IdParams, response: { 200: RunView, ...errorAnswers } } },
    request => runs.get(request.params.id),
  )
  app.post(
    '/api/runs/:id/cancel',
    {
      schema: {
        summary: 'Cancel a run; answers when it has ended',
        tags,
        params: IdParams,
        response: { 200: RunView, ...errorAnswers },
      },
    },
    async request => {
      await runs.cancel(request.params.id)
      return await runs.get(request.params.id)
    },
  )
  app.post(
    '/api/runs/:id/retry',
    {
      schema: {
        summary: 'Start a new run of the job of a run that failed, was cancelled or was missed',
        tags,
        params: IdParams,
        response: { 202: RunView, ...errorAnswers },
      },
    },
    async (request, reply) => {
      const run = await runs.get(request.params.id)
      if (!retriable.includes(run.state)) {
        throw new ApplianceError('RUN_NOT_FAILED', `The run ${run.id} of ${run.serverName} is ${run.state}`, {
          hint: 'Start a run of its job instead, once none is under way.',
        })
      }
      return reply.code(202).send(await jobs.start(run.jobId))
    },
  )
}
