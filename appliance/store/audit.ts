// The audit log: what was changed, by whom, from where. It is only ever added to, and its oldest entries go.
import { setImmediate } from 'node:timers/promises'
import { batchRows, type Database, parseDocument } from './database.ts'
import { auditKept } from './migrations/0003-accounts.ts'
import { decodeCursor, type Page, type PageRequest, pageLimit, toPage } from './paging.ts'

export interface AuditRecord {
  at: string
  actor: {
    kind: 'account' | 'token' | 'local' | 'setup' | 'nobody'
    name: string
    id?: string
  }
  /** IP address of the other end. */
  address: string
  method: string
  /** As registered, `/api/jobs/:id`. */
  route: string
  /** Values of the route's parameters. */
  target: Record<string, string>
  status: number
  outcome: 'done' | 'refused' | 'failed'
  /** Of the error. */
  code?: string
  /** Body and query, without secrets. */
  request?: unknown
  before?: unknown
  after?: unknown
}

export interface AuditEntry extends AuditRecord {
  id: string
}

export interface AuditRepository {
  /** On disk when the promise resolves. */
  add(record: AuditRecord): Promise<void>
  /** Newest first. */
  list(request?: PageRequest): Promise<Page<AuditEntry>>
  /** Forgets all but the newest, of which the database lets none be deleted. Returns how many went. */
  prune(): Promise<number>
}

/** The audit log in the database. */
export function auditRepository(database: Database): AuditRepository {
  return {
    async add(record) {
      database.write(sql => sql.run('INSERT INTO audit (document) VALUES (?)', JSON.stringify(record)))
    },

    async list(request = {}) {
      const limit = pageLimit(request)
      const [before] = request.after === undefined ? [Number.MAX_SAFE_INTEGER] : decodeCursor(request.after, 'number')
      const rows = database.read(sql =>
        sql.all('SELECT id, document FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?', before, limit + 1),
      )
      const entries = rows.map(row => ({
        ...parseDocument<AuditRecord>(row.document, `audit entry ${String(row.id)}`),
        id: String(row.id),
      }))
      return toPage(entries, limit, ({ id }) => [Number(id), ''])
    },

    async prune() {
      let removed = 0
      for (;;) {
        const rows = database.write(sql =>
          sql.run(
            `DELETE FROM audit WHERE id IN (
               SELECT id FROM audit WHERE id <= (SELECT max(id) FROM audit) - ? ORDER BY id LIMIT ?)`,
            auditKept,
            batchRows,
          ),
        )
        removed += rows
        if (rows < batchRows) return removed
        await setImmediate()
      }
    },
  }
}
