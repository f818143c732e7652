// What stands outside with the connector's mark: listed without action, cleaned up, adopted.
import type { Run } from '../domain.ts'
import type { Routes } from './routes.ts'
import { errorAnswers } from './schemas/common.ts'
import { AdoptBody, CleaningBegun, type Leftover, LeftoverList } from './schemas/leftovers.ts'
import { RunView } from './schemas/runs.ts'

export interface LeftoverService {
  /** Asks vCenter, S3 and EC2; changes nothing. */
  list(signal: AbortSignal): Promise<Leftover[]>
  /** Begins a cleaning, or joins the one under way; does not wait for its end. @throws {ApplianceError} CONNECTOR_READ_ONLY */
  clean(): Promise<void>
  /**
   * Makes a succeeded run of an image that the database does not know.
   * @throws {ApplianceError} LEFTOVER_NOT_ADOPTABLE when it is not such an image
   */
  adopt(imageId: string, signal: AbortSignal): Promise<Run>
}

/** Longest a listing may take: thousands of objects and snapshots come in pages. */
const listTimeoutMs = 120_000

const tags = ['leftovers']

export function leftoverRoutes(app: Routes, leftovers: LeftoverService): void {
  app.get(
    '/api/leftovers',
    {
      schema: {
        summary: "All that carries the connector's mark in vCenter, S3 and EC2, and what would become of it",
        tags,
        response: { 200: LeftoverList, ...errorAnswers },
      },
    },
    async () => ({ items: await leftovers.list(AbortSignal.timeout(listTimeoutMs)) }),
  )
  app.post(
    '/api/leftovers/clean',
    {
      schema: {
        summary: 'Clean up now instead of within the hour: remove what the listing says would be removed',
        tags,
        response: { 202: CleaningBegun, ...errorAnswers },
      },
    },
    async (_request, reply) => {
      await leftovers.clean()
      return reply.code(202).send({ begun: true })
    },
  )
  app.post(
    '/api/leftovers/adopt',
    {
      schema: {
        summary: 'Take an image that the database does not know into the history of its server',
        tags,
        body: AdoptBody,
        response: { 201: RunView, ...errorAnswers },
      },
    },
    async (request, reply) =>
      reply.code(201).send(await leftovers.adopt(request.body.imageId, AbortSignal.timeout(listTimeoutMs))),
  )
}
