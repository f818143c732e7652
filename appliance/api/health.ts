// Whether the service lives, and whether it can do its work.
import { type Static, Type } from 'typebox'
import type { Routes } from './routes.ts'
import { errorAnswers, strict } from './schemas/common.ts'

const Check = Type.Object(
  { name: Type.String(), ok: Type.Boolean(), code: Type.Optional(Type.String()), hint: Type.Optional(Type.String()) },
  strict,
)
export const HealthView = Type.Object({ ok: Type.Boolean(), checks: Type.Array(Check) }, strict)
export type HealthView = Static<typeof HealthView>

export interface HealthService {
  /** Store, vCenter and AWS, each tried. */
  check(signal: AbortSignal): Promise<HealthView>
  /** Whether requests can be served: the store answers. */
  ready(): Promise<boolean>
}

/** A check that takes longer than this has failed: a health page is no place to wait. */
const checkTimeoutMs = 15_000

export function healthRoutes(app: Routes, health: HealthService): void {
  const Alive = Type.Object({ ok: Type.Boolean() }, strict)
  app.get(
    '/api/health/live',
    { schema: { summary: 'The process answers', tags: ['health'], response: { 200: Alive } } },
    () => ({ ok: true }),
  )
  app.get(
    '/api/health/ready',
    { schema: { summary: 'The store answers', tags: ['health'], response: { 200: Alive, 503: Alive } } },
    async (_request, reply) => {
      const ok = await health.ready()
      return reply.code(ok ? 200 : 503).send({ ok })
    },
  )
  app.get(
    '/api/health',
    {
      schema: {
        summary: 'Store, vCenter and AWS, each tried now',
        tags: ['health'],
        response: { 200: HealthView, ...errorAnswers },
      },
    },
    () => health.check(AbortSignal.timeout(checkTimeoutMs)),
  )
}
