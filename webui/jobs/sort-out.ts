// Which of the chosen servers a job can be made for. Pure.
import type { JobView } from '../contract.ts'
import { t } from '../locale/en.ts'
import type { ServerRow } from '../servers/server-rows.ts'

export interface SortedOut {
  chosen: readonly ServerRow[]
  /** Chosen, and a job can be made for it. */
  usable: readonly ServerRow[]
  leftOut: readonly { row: ServerRow; why: string }[]
}

/** The chosen servers: those that a job can be made for, and the others with the reason. */
export function sortOut(
  rows: readonly ServerRow[],
  chosenIds: ReadonlySet<string>,
  jobs: readonly JobView[],
): SortedOut {
  const withJob = new Set(jobs.filter(job => job.state !== 'ended').map(job => job.serverId))
  const chosen = rows.filter(row => chosenIds.has(row.id))
  const leftOut = chosen.flatMap(row => {
    const refusal = row.server.findings.find(({ severity }) => severity === 'refusal')
    const why = refusal ? `${refusal.message}. ${refusal.hint}` : withJob.has(row.id) ? t.create.hasJob : undefined
    return why === undefined ? [] : [{ row, why }]
  })
  const out = new Set(leftOut.map(({ row }) => row.id))
  return { chosen, usable: chosen.filter(row => !out.has(row.id)), leftOut }
}
