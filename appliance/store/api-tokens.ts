// API tokens by their hash: named, perhaps read-only, and gone with the account that made them.
import { ApplianceError } from '../errors.ts'
import { type Account, toRole } from './accounts.ts'
import type { Database, Row } from './database.ts'

export interface ApiToken {
  id: string
  name: string
  readOnly: boolean
  createdAt: string
  lastUsedAt?: string
  /** Who made it, with the present role. Undefined when a script on the appliance itself did. */
  account?: Pick<Account, 'id' | 'name' | 'role'>
}

export interface ApiTokenRepository {
  /** `hash` is SHA-256 of the token, hex. */
  create(
    token: Omit<ApiToken, 'account' | 'lastUsedAt'>,
    hash: string,
    accountId: string | undefined,
  ): Promise<ApiToken>
  get(id: string): Promise<ApiToken | undefined>
  byHash(hash: string): Promise<ApiToken | undefined>
  /** All, or those of one account, in the order in which they were made. */
  list(accountId?: string): Promise<ApiToken[]>
  /** May be undone by a power cut. */
  touch(id: string, at: Date): Promise<void>
  /** @throws {ApplianceError} NOT_FOUND */
  delete(id: string): Promise<void>
}

const columns = `SELECT api_tokens.id AS id, api_tokens.name AS name, read_only, api_tokens.created_at AS created_at, last_used_at,
  account_id, accounts.name AS account_name, role FROM api_tokens LEFT JOIN accounts ON accounts.id = account_id`

/** API tokens in the database. */
export function apiTokenRepository(database: Database): ApiTokenRepository {
  const find = (where: 'api_tokens.id' | 'hash', value: string) => {
    const row = database.read(sql => sql.get(`${columns} WHERE ${where} = ?`, value))
    return row && toToken(row)
  }
  return {
    async create({ id, name, readOnly, createdAt }, hash, accountId) {
      database.write(sql =>
        sql.run(
          'INSERT INTO api_tokens (id, hash, name, account_id, read_only, created_at) VALUES (?, ?, ?, ?, ?, ?)',
          id,
          hash,
          name,
          accountId ?? null,
          Number(readOnly),
          Date.parse(createdAt),
        ),
      )
      return find('api_tokens.id', id) ?? missing(id)
    },

    get: async id => find('api_tokens.id', id),
    byHash: async hash => find('hash', hash),

    async list(accountId) {
      return database.read(sql =>
        accountId === undefined
          ? sql.all(`${columns} ORDER BY api_tokens.created_at, api_tokens.id`).map(toToken)
          : sql
              .all(`${columns} WHERE account_id = ? ORDER BY api_tokens.created_at, api_tokens.id`, accountId)
              .map(toToken),
      )
    },

    async touch(id, at) {
      database.writeProgress(sql => sql.run('UPDATE api_tokens SET last_used_at = ? WHERE id = ?', at.getTime(), id))
    },

    async delete(id) {
      if (database.write(sql => sql.run('DELETE FROM api_tokens WHERE id = ?', id)) === 0) missing(id)
    },
  }
}

function toToken(row: Row): ApiToken {
  return {
    id: String(row.id),
    name: String(row.name),
    readOnly: row.read_only === 1,
    createdAt: new Date(Number(row.created_at)).toISOString(),
    ...(row.last_used_at === null ? {} : { lastUsedAt: new Date(Number(row.last_used_at)).toISOString() }),
    ...(row.account_id === null
      ? {}
      : { account: { id: String(row.account_id), name: String(row.account_name), role: toRole(row.role) } }),
  }
}

function missing(id: string): never {
  throw new ApplianceError('NOT_FOUND', `There is no API token ${id}.`, {
    hint: 'List the tokens to see which there are.',
  })
}
