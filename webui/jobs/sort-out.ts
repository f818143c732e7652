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

/** @returns why no job can be made for a server; undefined when one can */
export function reasonAgainst(jobs: readonly JobView[]): (row: ServerRow) => string | undefined {
  const withJob = new Set(jobs.filter(job => job.state !== 'ended').map(job => job.serverId))
  return ({ id, server }) => {
    const refusal = server.findings.find(({ severity }) => severity === 'refusal')
    if (refusal) return `${refusal.message}. ${refusal.hint}`
    return withJob.has(id) ? t.create.hasJob : undefined
  }
}

/** The chosen servers: those that a job can be made for, and the others with the reason. */
export function sortOut(
  rows: readonly ServerRow[],
  chosenIds: ReadonlySet<string>,
  jobs: readonly JobView[],
): SortedOut {
  const against = reasonAgainst(jobs)
  const chosen = rows.filter(row => chosenIds.has(row.id))
  const leftOut = chosen.flatMap(row => {
    const why = against(row)
    return why === undefined ? [] : [{ row, why }]
  })
  const out = new Set(leftOut.map(({ row }) => row.id))
  return { chosen, usable: chosen.filter(row => !out.has(row.id)), leftOut }
}
