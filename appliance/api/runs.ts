// Replication runs: history, progress, cancel.
import type { Static } from 'typebox'
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

export function runRoutes(app: Routes, runs: RunService): void {
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
}
