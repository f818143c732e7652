// Sessions of browsers, by the hash of what their cookie holds.
import { type Account, toRole } from './accounts.ts'
import type { Database, Row } from './database.ts'

export interface Session {
  /** SHA-256 of the cookie's value, hex. */
  hash: string
  /** Undefined for the session of a setup, before there is an account. */
  account?: Pick<Account, 'id' | 'name' | 'role'>
  createdAtMs: number
  usedAtMs: number
}

export interface SessionRepository {
  create(session: { hash: string; accountId?: string; atMs: number }): Promise<void>
  get(hash: string): Promise<Session | undefined>
  /** May be undone by a power cut. */
  touch(hash: string, atMs: number): Promise<void>
  delete(hash: string): Promise<void>
  /** Sessions of setups: none once there is an administrator. */
  deleteSetup(): Promise<void>
  /** Forgets those that were used last before, or made before, these times. */
  prune(usedBeforeMs: number, createdBeforeMs: number): Promise<number>
}

/** Sessions in the database. */
export function sessionRepository(database: Database): SessionRepository {
  return {
    async create({ hash, accountId, atMs }) {
      database.write(sql =>
        sql.run(
          'INSERT INTO sessions (hash, account_id, created_at, used_at) VALUES (?, ?, ?, ?)',
          hash,
          accountId ?? null,
          atMs,
          atMs,
        ),
      )
    },

    async get(hash) {
      const row = database.read(sql =>
        sql.get(
          `SELECT hash, account_id, name, role, sessions.created_at AS created_at, used_at FROM sessions
           LEFT JOIN accounts ON accounts.id = account_id WHERE hash = ?`,
          hash,
        ),
      )
      return row && toSession(row)
    },

    async touch(hash, atMs) {
      database.writeProgress(sql => sql.run('UPDATE sessions SET used_at = ? WHERE hash = ?', atMs, hash))
    },

    async delete(hash) {
      database.write(sql => sql.run('DELETE FROM sessions WHERE hash = ?', hash))
    },

    async deleteSetup() {
      database.write(sql => sql.run('DELETE FROM sessions WHERE account_id IS NULL'))
    },

    async prune(usedBeforeMs, createdBeforeMs) {
      return database.write(sql =>
        sql.run('DELETE FROM sessions WHERE used_at < ? OR created_at < ?', usedBeforeMs, createdBeforeMs),
      )
    },
  }
}

function toSession(row: Row): Session {
  return {
    hash: String(row.hash),
    ...(row.account_id === null
      ? {}
      : { account: { id: String(row.account_id), name: String(row.name), role: toRole(row.role) } }),
    createdAtMs: Number(row.created_at),
    usedAtMs: Number(row.used_at),
  }
}
