// Whether a server may be replicated as it stands: refused by name before anything is made.
import type { Finding, Server } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import type { RunContext } from './context.ts'

/** What the rules say of a server; handed in, as they live with the catalog. */
export type Assess = (server: Server, imageMethod: 'registered' | 'converted') => Finding[]

/**
 * Records the rules' warnings.
 * @throws {ApplianceError} SERVER_REFUSED with every refusal in its message
 */
export async function assertReplicable(server: Server, context: RunContext): Promise<void> {
  const findings = context.assess(server, context.job.settings.imageMethod)
  const refusals = findings.filter(finding => finding.severity === 'refusal')
  if (refusals.length > 0) throw refusal(server, refusals)
  await context.journal.record({ warnings: findings })
}

/** The error that refuses a server, for a run and for the making of a job alike. */
export function refusal(server: Server, refusals: Finding[]): ApplianceError {
  return new ApplianceError(
    'SERVER_REFUSED',
    `${server.name} cannot be replicated: ${refusals.map(finding => finding.message).join('; ')}`,
    { hint: refusals.map(finding => finding.hint).join(' ') },
  )
}
