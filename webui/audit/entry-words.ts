// What an entry of the audit log says was done, and to what. Pure.
import type { AuditEntry } from '../contract.ts'
import { acts } from '../locale/en-acts.ts'
import { s } from '../locale/en-setup.ts'

export interface KnownNames {
  /** The server of a job that is still there. */
  job: (id: string) => string | undefined
  /** The server of a run that is still there. */
  run: (id: string) => string | undefined
}

export const routeOf = ({ method, route }: Pick<AuditEntry, 'method' | 'route'>): string => `${method} ${route}`

/** "Started a run of web01", "Changed an account: anna"; the raw line for what has no words. */
export function entryWords(entry: AuditEntry, known: KnownNames): string {
  const act = acts[routeOf(entry)]
  if (act === undefined) return routeOf(entry)
  const subject = subjectOf(entry, known)
  if (subject === undefined) return act
  return / a (run|job)$/.test(act) ? `${act} of ${subject}` : `${act}: ${subject}`
}

function subjectOf(entry: AuditEntry, known: KnownNames): string | undefined {
  const { route, target } = entry
  const id = target.id ?? ''
  if (route.startsWith('/api/setup/steps/')) return s.steps[id as keyof typeof s.steps]
  // What it was called then comes before what it is called now.
  for (const view of [entry.before, entry.after, entry.request]) {
    const name = textAt(view, 'serverName') ?? textAt(view, 'name')
    if (name !== undefined) return name
  }
  if (route.startsWith('/api/jobs/')) return known.job(id)
  if (route.startsWith('/api/runs/')) return known.run(id)
  return target.name
}

function textAt(view: unknown, name: string): string | undefined {
  if (typeof view !== 'object' || view === null) return undefined
  const value = (view as Record<string, unknown>)[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}
