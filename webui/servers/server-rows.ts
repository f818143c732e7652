// The catalog as rows: what is shown of a server, found by words and filters, sorted. Pure, for 10,000 of them.
import type { ServerView } from '../contract.ts'
import type { Sorting } from '../ui/table.tsx'

export type Readiness = 'ready' | 'warning' | 'refusal'

export interface ServerRow {
  id: string
  name: string
  sizeBytes: number
  readiness: Readiness
  server: ServerView
  /** All that is searched, in lower case. */
  words: string
}

export interface ServerFilter {
  search: string
  readiness: Readiness | ''
  power: ServerView['powerState'] | ''
  job: 'with' | 'without' | ''
}

export const noFilter: ServerFilter = { search: '', readiness: '', power: '', job: '' }

export function toRow(server: ServerView): ServerRow {
  const { id, name, path, guestName, hostName, nics, findings } = server
  const addresses = nics.flatMap(nic => nic.addresses)
  return {
    id,
    name,
    sizeBytes: server.disks.reduce((sum, disk) => sum + disk.sizeBytes, 0),
    readiness: findings.some(({ severity }) => severity === 'refusal')
      ? 'refusal'
      : findings.length > 0
        ? 'warning'
        : 'ready',
    server,
    words: [name, path, guestName, hostName, ...addresses].join('\n').toLowerCase(),
  }
}

/** Rows that hold every word of the search and fit every filter, in their order. */
export function filterRows(
  rows: readonly ServerRow[],
  { search, readiness, power, job }: ServerFilter,
  withJob: ReadonlySet<string>,
): readonly ServerRow[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0 && readiness === '' && power === '' && job === '') return rows
  return rows.filter(
    row =>
      words.every(word => row.words.includes(word)) &&
      (readiness === '' || row.readiness === readiness) &&
      (power === '' || row.server.powerState === power) &&
      (job === '' || withJob.has(row.id) === (job === 'with')),
  )
}

const readinessRank: Record<Readiness, number> = { refusal: 0, warning: 1, ready: 2 }
/** One collator for all: localeCompare would make one for every comparison. */
const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

const orders: Record<string, (a: ServerRow, b: ServerRow) => number> = {
  name: (a, b) => collator.compare(a.name, b.name),
  size: (a, b) => a.sizeBytes - b.sizeBytes,
  readiness: (a, b) => readinessRank[a.readiness] - readinessRank[b.readiness],
}

export function sortRows(rows: readonly ServerRow[], { column, descending }: Sorting): readonly ServerRow[] {
  const order = orders[column]
  if (!order) return rows
  const sign = descending ? -1 : 1
  return rows.toSorted((a, b) => sign * order(a, b) || collator.compare(a.name, b.name))
}
