// Accounts of people, with the hash of each password, and the failed sign-ins by name.
import { createHash } from 'node:crypto'
import { ApplianceError } from '../errors.ts'
import type { Database, Row, Statements } from './database.ts'
import { isUniqueBreach } from './sqlite-errors.ts'

/** From most to least: an administrator may do all, an operator runs jobs, support reads and downloads logs. */
export const roles = ['administrator', 'operator', 'support'] as const
export type Role = (typeof roles)[number]

export interface Account {
  id: string
  /** Unique whatever its case. */
  name: string
  role: Role
  createdAt: string
  lastSignInAt?: string
}

export interface SignInFailures {
  /** In a row. */
  failures: number
  failedAtMs: number
  /** 0 when it is not locked. */
  lockedUntilMs: number
}

export interface AccountRepository {
  /** @throws {ApplianceError} ACCOUNT_EXISTS */
  create(account: Account, passwordHash: string): Promise<Account>
  /**
   * The first administrator, unless there is one.
   * @throws {ApplianceError} ALREADY_CLAIMED, ACCOUNT_EXISTS
   */
  createFirst(account: Account, passwordHash: string): Promise<Account>
  get(id: string): Promise<Account | undefined>
  /** With the hash of the password, whatever the case of the name. */
  byName(name: string): Promise<{ account: Account; passwordHash: string } | undefined>
  /** By name: there are a few. */
  list(): Promise<Account[]>
  hasAdministrator(): Promise<boolean>
  /** A new role or password ends the account's sessions. @throws {ApplianceError} NOT_FOUND, LAST_ADMINISTRATOR */
  update(id: string, change: { role?: Role; passwordHash?: string }): Promise<Account>
  signedIn(id: string, at: Date): Promise<void>
  /** With its sessions and tokens. @throws {ApplianceError} NOT_FOUND, LAST_ADMINISTRATOR */
  delete(id: string): Promise<void>
  failures(name: string): Promise<SignInFailures | undefined>
  setFailures(name: string, failures: SignInFailures): Promise<void>
  forgetFailures(name: string): Promise<void>
}

/** Names without an account of which failures are kept: more would let a guesser fill the disk. */
const strangersKept = 1000

/** Accounts in the database. */
export function accountRepository(database: Database): AccountRepository {
  const insert = (account: Account, passwordHash: string, check: (sql: Statements) => void) => {
    try {
      database.write(sql => {
        check(sql)
        sql.run(
          'INSERT INTO accounts (id, name, role, password_hash, created_at) VALUES (?, ?, ?, ?, ?)',
          account.id,
          account.name,
          account.role,
          passwordHash,
          Date.parse(account.createdAt),
        )
      })
      return account
    } catch (cause) {
      if (!isUniqueBreach(cause)) throw cause
      throw new ApplianceError('ACCOUNT_EXISTS', `There is an account ${account.name} already.`, {
        cause,
        hint: 'Choose another name.',
      })
    }
  }
  return {
    create: async (account, passwordHash) => insert(account, passwordHash, () => undefined),

    createFirst: async (account, passwordHash) =>
      insert(account, passwordHash, sql => {
        if (administrators(sql) === 0) return
        throw new ApplianceError('ALREADY_CLAIMED', 'This appliance has an administrator already.', {
          hint: 'Sign in; a forgotten password is reset on the console of the appliance.',
        })
      }),

    async get(id) {
      const row = database.read(sql => sql.get('SELECT * FROM accounts WHERE id = ?', id))
      return row && toAccount(row)
    },

    async byName(name) {
      const row = database.read(sql => sql.get('SELECT * FROM accounts WHERE name = ?', name))
      return row && { account: toAccount(row), passwordHash: String(row.password_hash) }
    },

    async list() {
      return database.read(sql => sql.all('SELECT * FROM accounts ORDER BY name').map(toAccount))
    },

    async hasAdministrator() {
      return database.read(administrators) > 0
    },

    async update(id, { role, passwordHash }) {
      return database.write(sql => {
        const found = existing(sql, id)
        if (role !== undefined && role !== 'administrator') keepOne(sql, found)
        sql.run(
          'UPDATE accounts SET role = ifnull(?, role), password_hash = ifnull(?, password_hash) WHERE id = ?',
          role ?? null,
          passwordHash ?? null,
          id,
        )
        if ((role !== undefined && role !== found.role) || passwordHash !== undefined)
          sql.run('DELETE FROM sessions WHERE account_id = ?', id)
        return existing(sql, id)
      })
    },

    async signedIn(id, at) {
      database.write(sql => sql.run('UPDATE accounts SET last_sign_in_at = ? WHERE id = ?', at.getTime(), id))
    },

    async delete(id) {
      database.write(sql => {
        keepOne(sql, existing(sql, id))
        sql.run('DELETE FROM accounts WHERE id = ?', id)
      })
    },

    async failures(name) {
      const row = database.read(sql => sql.get('SELECT * FROM sign_in_failures WHERE name = ?', keyOf(sql, name)))
      return (
        row && {
          failures: Number(row.failures),
          failedAtMs: Number(row.failed_at),
          lockedUntilMs: Number(row.locked_until),
        }
      )
    },

    async setFailures(name, { failures, failedAtMs, lockedUntilMs }) {
      // Without an fsync: whether there is an account must not be seen by the time, nor may guesses wear out a disk.
      database.writeProgress(sql => {
        sql.run(
          `INSERT INTO sign_in_failures (name, failures, failed_at, locked_until) VALUES (?, ?, ?, ?)
           ON CONFLICT (name) DO UPDATE SET failures = excluded.failures, failed_at = excluded.failed_at, locked_until = excluded.locked_until`,
          keyOf(sql, name),
          failures,
          failedAtMs,
          lockedUntilMs,
        )
        // Those of accounts stay: no flood of other names may lift the lock of one.
        sql.run(
          `DELETE FROM sign_in_failures WHERE name IN (
             SELECT name FROM sign_in_failures WHERE name LIKE '#%'
             ORDER BY failed_at DESC LIMIT -1 OFFSET ${strangersKept})`,
        )
      })
    },

    async forgetFailures(name) {
      database.write(sql => sql.run('DELETE FROM sign_in_failures WHERE name = ?', keyOf(sql, name)))
    },
  }
}

/** The name of an account as it is; any other as its hash: people type passwords where the name belongs. */
function keyOf(sql: Statements, name: string): string {
  const account = sql.get('SELECT name FROM accounts WHERE name = ?', name)
  return account ? String(account.name) : `#${createHash('sha256').update(name.toLowerCase()).digest('hex')}`
}

/** A row with the columns `id`, `name`, `role`, `created_at`, `last_sign_in_at`. */
function toAccount(row: Row): Account {
  const { last_sign_in_at: lastSignInAt } = row
  return {
    id: String(row.id),
    name: String(row.name),
    role: toRole(row.role),
    createdAt: new Date(Number(row.created_at)).toISOString(),
    ...(lastSignInAt === null ? {} : { lastSignInAt: new Date(Number(lastSignInAt)).toISOString() }),
  }
}

/** The schema lets no other role in. */
export function toRole(value: unknown): Role {
  return roles.find(role => role === value) ?? 'support'
}

function administrators(sql: Statements): number {
  return Number(sql.get("SELECT count(*) AS number FROM accounts WHERE role = 'administrator'")?.number)
}

function keepOne(sql: Statements, account: Account): void {
  if (account.role !== 'administrator' || administrators(sql) > 1) return
  throw new ApplianceError('LAST_ADMINISTRATOR', `${account.name} is the only administrator.`, {
    hint: 'Make another account an administrator first.',
  })
}

function existing(sql: Statements, id: string): Account {
  const row = sql.get('SELECT * FROM accounts WHERE id = ?', id)
  if (row) return toAccount(row)
  throw new ApplianceError('NOT_FOUND', `There is no account ${id}.`, {
    hint: 'List the accounts to see which there are.',
  })
}
