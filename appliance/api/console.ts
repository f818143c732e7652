// For the machine's own console: the setup code and the health in short, and the audit log's word of what was done there.
import { Type } from 'typebox'
import type { AccessService } from '../accounts/access-service.ts'
import type { HealthService } from './health.ts'
import type { Routes } from './routes.ts'
import { errorAnswers } from './schemas/common.ts'
import { ConsoleReport, ConsoleView } from './schemas/console.ts'

export interface ConsoleRoutesOptions {
  version: string
  access: AccessService
  health: HealthService
}

const tags = ['console']

export function consoleRoutes(app: Routes, { version, access, health }: ConsoleRoutesOptions): void {
  app.get(
    '/api/local/console',
    {
      schema: {
        summary: "What the machine's console shows; only the token of the data directory may ask",
        tags,
        response: { 200: ConsoleView, ...errorAnswers },
      },
    },
    async (): Promise<ConsoleView> => {
      const setupCode = await access.ensureSetupCode()
      const { checks, at } = health.view()
      const problems = (['error', 'warning'] as const).flatMap(state =>
        checks
          .filter(check => check.state === state)
          .map(({ title, cause }) => ({ title, state, ...(cause === undefined ? {} : { cause }) })),
      )
      return {
        version,
        claimed: await access.accounts.hasAdministrator(),
        ...(setupCode === undefined ? {} : { setupCode }),
        problems,
        ...(at === undefined ? {} : { checkedAt: at }),
      }
    },
  )
  app.post(
    '/api/local/console',
    {
      schema: {
        summary: "Note in the audit log what was done on the machine's console",
        tags,
        body: ConsoleReport,
        response: { 204: Type.Null(), ...errorAnswers },
      },
    },
    async (request, reply) => {
      request.auditActor = { kind: 'local', name: 'the console' }
      return reply.code(204).send(null)
    },
  )
}
