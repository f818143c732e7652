// GET /metrics, for Prometheus.
import { Type } from 'typebox'
import type { Routes } from './routes.ts'
import { errorAnswers } from './schemas/common.ts'

export interface MetricsService {
  contentType: string
  text(): Promise<string>
}

/** Where Prometheus looks, and what the metrics token opens. */
export const metricsPath = '/metrics'

export function metricsRoutes(app: Routes, metrics: MetricsService): void {
  app.get(
    metricsPath,
    {
      schema: {
        summary: "Metrics in Prometheus' text format; the metrics token opens this too",
        tags: ['metrics'],
        response: {
          200: { description: 'The metrics', content: { 'text/plain': { schema: Type.String() } } },
          ...errorAnswers,
        },
      },
    },
    async (_request, reply) => reply.header('content-type', metrics.contentType).send(await metrics.text()),
  )
}
