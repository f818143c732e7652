// GET /api/throughput: the last hour, for the chart of the dashboard.
import type { Routes } from './routes.ts'
import { errorAnswers } from './schemas/common.ts'
import { ThroughputView } from './schemas/throughput.ts'

export interface ThroughputService {
  view(): ThroughputView
}

export function throughputRoutes(app: Routes, throughput: ThroughputService): void {
  app.get(
    '/api/throughput',
    {
      schema: {
        summary: 'Bytes per second that runs have read of disks in the last hour',
        tags: ['runs'],
        response: { 200: ThroughputView, ...errorAnswers },
      },
    },
    () => throughput.view(),
  )
}
