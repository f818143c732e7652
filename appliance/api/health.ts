// Whether the service lives, whether it can be asked, and General Health: every check with its last result.
import { Type } from 'typebox'
import type { Routes } from './routes.ts'
import { errorAnswers, strict } from './schemas/common.ts'
import { HealthRun, HealthView } from './schemas/health.ts'

export interface HealthService {
  view(): HealthView
  /** Begins a round unless one is under way. */
  run(): { started: boolean }
  /** Whether requests can be served: the store answers. */
  ready(): Promise<boolean>
}

const tags = ['health']

export function healthRoutes(app: Routes, health: HealthService): void {
  const Alive = Type.Object({ ok: Type.Boolean() }, strict)
  app.get(
    '/api/health/live',
    { schema: { summary: 'The process answers', tags, response: { 200: Alive, ...errorAnswers } } },
    () => ({
      ok: true,
    }),
  )
  app.get(
    '/api/health/ready',
    { schema: { summary: 'The store answers', tags, response: { 200: Alive, 503: Alive, ...errorAnswers } } },
    async (_request, reply) => {
      const ok = await health.ready()
      return reply.code(ok ? 200 : 503).send({ ok })
    },
  )
  app.get(
    '/api/health',
    {
      schema: {
        summary: 'Every check with its last result; they run every ten minutes by themselves',
        tags,
        response: { 200: HealthView, ...errorAnswers },
      },
    },
    () => health.view(),
  )
  app.post(
    '/api/health/run',
    {
      schema: {
        summary: 'Run all checks now; each result is an event "health" too',
        tags,
        response: { 202: HealthRun, ...errorAnswers },
      },
    },
    async (_request, reply) => reply.code(202).send({ started: health.run().started }),
  )
}
