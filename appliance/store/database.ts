// The SQLite file under all repositories: opening, checking, transactions. Nothing outside store/ knows that it is SQL.
import { closeSync, openSync } from 'node:fs'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { ApplianceError } from '../errors.ts'
import { migrate } from './migrate.ts'

/**
 * Rows per transaction of bulk work, and bytes of them. node:sqlite works on the event loop: a batch of this size takes some
 * 5 ms, and on a slow disk or a busy machine still less than the 50 ms that no statement may hold it; between batches the
 * loop turns.
 */
export const batchRows = 100
export const batchBytes = 512 * 1024

/** Another process that is just stopping may hold the file for a moment when this one opens it. */
const lockWaitMs = 2000

/** SQLite's result codes (https://www.sqlite.org/rescode.html) that have a name of their own here. */
const sqliteBusy = 5
const sqliteCorrupt = 11
const sqliteNotDatabase = 26
/** SQLITE_CONSTRAINT_UNIQUE and SQLITE_CONSTRAINT_PRIMARYKEY. */
const sqliteUnique = [2067, 1555]

export type Row = Record<string, unknown>

/** Statements inside one transaction. Texts are constants, so each is compiled once. */
export interface Statements {
  /** Rows changed. */
  run(text: string, ...values: SQLInputValue[]): number
  get(text: string, ...values: SQLInputValue[]): Row | undefined
  all(text: string, ...values: SQLInputValue[]): Row[]
}

export interface DatabaseOptions {
  /** Told how many rows each transaction changed: what bounds the time it holds the event loop. */
  onTransaction?: (rows: number) => void
}

/** One open database. One process at a time: a second one is refused, so that no job can run twice. */
export class Database {
  readonly #sqlite: DatabaseSync
  readonly #compiled = new Map<string, StatementSync>()
  readonly #onTransaction: ((rows: number) => void) | undefined
  readonly #path: string
  #rows = 0

  constructor(sqlite: DatabaseSync, path: string, options: DatabaseOptions) {
    this.#sqlite = sqlite
    this.#path = path
    this.#onTransaction = options.onTransaction
  }

  /** Runs queries that change nothing. */
  read<T>(query: (sql: Statements) => T): T {
    try {
      return query(this.#statements)
    } catch (thrown) {
      throw this.#named(thrown)
    }
  }

  /** Runs one transaction: all of it or nothing, on disk when this returns. */
  write<T>(change: (sql: Statements) => T): T {
    return this.#transaction(change)
  }

  /**
   * A transaction that a power cut may undo (a crash of the process does not), but that costs no fsync: for progress figures.
   * The next `write` makes it durable too.
   */
  writeProgress<T>(change: (sql: Statements) => T): T {
    this.#sqlite.exec('PRAGMA synchronous = NORMAL')
    try {
      return this.#transaction(change)
    } finally {
      this.#sqlite.exec('PRAGMA synchronous = FULL')
    }
  }

  close(): void {
    this.#compiled.clear()
    this.#sqlite.close()
  }

  #transaction<T>(change: (sql: Statements) => T): T {
    this.#rows = 0
    try {
      this.#sqlite.exec('BEGIN IMMEDIATE')
      try {
        const result = change(this.#statements)
        this.#sqlite.exec('COMMIT')
        this.#onTransaction?.(this.#rows)
        return result
      } catch (thrown) {
        // A full disk ends the transaction by itself: then there is none to roll back.
        if (this.#sqlite.isTransaction) this.#sqlite.exec('ROLLBACK')
        throw thrown
      }
    } catch (thrown) {
      throw this.#named(thrown)
    }
  }

  readonly #statements: Statements = {
    run: (text, ...values) => {
      const rows = Number(this.#compile(text).run(...values).changes)
      this.#rows += rows
      return rows
    },
    get: (text, ...values) => this.#compile(text).get(...values),
    all: (text, ...values) => this.#compile(text).all(...values),
  }

  #compile(text: string): StatementSync {
    let statement = this.#compiled.get(text)
    if (!statement) {
      statement = this.#sqlite.prepare(text)
      this.#compiled.set(text, statement)
    }
    return statement
  }

  /** Errors of SQLite get a name, except a breach of uniqueness: the repository knows what that means. */
  #named(thrown: unknown): unknown {
    if (sqliteCode(thrown) === undefined || isUniqueBreach(thrown)) return thrown
    return databaseError(thrown, this.#path)
  }
}

/**
 * Opens the database, makes it when there is none, checks it, and brings its schema up to date. Blocks for the time of the
 * check (about a second for 10,000 servers): call it before the process serves anyone.
 * @throws {ApplianceError} STORE_LOCKED, STORE_DAMAGED, STORE_NEWER, STORE_UNAVAILABLE
 */
export function openDatabase(path: string, options: DatabaseOptions = {}): Database {
  let sqlite: DatabaseSync | undefined
  try {
    // Made by us, so that neither the database nor the -wal that takes its mode is ever readable by others.
    closeSync(openSync(path, 'a', 0o600))
    sqlite = new DatabaseSync(path, { enableForeignKeyConstraints: true, timeout: lockWaitMs, defensive: true })
    // Held until the process ends, however it ends.
    sqlite.exec('PRAGMA locking_mode = EXCLUSIVE')
    const mode = sqlite.prepare('PRAGMA journal_mode = WAL').get()?.journal_mode
    if (mode !== 'wal') throw new Error(`write-ahead logging is not possible here, SQLite chose "${String(mode)}"`)
    sqlite.exec('PRAGMA synchronous = FULL')
    check(sqlite, path)
    migrate(sqlite, path)
    return new Database(sqlite, path, options)
  } catch (thrown) {
    sqlite?.close()
    throw thrown instanceof ApplianceError ? thrown : databaseError(thrown, path)
  }
}

/** Whether a write broke a unique index or key. */
export function isUniqueBreach(thrown: unknown): boolean {
  const code = sqliteCode(thrown)
  return code !== undefined && sqliteUnique.includes(code)
}

/**
 * A JSON document out of a row.
 * @throws {ApplianceError} STORE_DAMAGED when the text is none
 */
export function parseDocument<T>(text: unknown, what: string): T {
  try {
    if (typeof text !== 'string') throw new TypeError('not a text')
    return JSON.parse(text) as T
  } catch (cause) {
    throw new ApplianceError('STORE_DAMAGED', `The stored ${what} cannot be read.`, {
      cause,
      hint: 'Restore the data directory from its backup, or enter it again.',
    })
  }
}

function check(sqlite: DatabaseSync, path: string): void {
  const findings = sqlite.prepare('PRAGMA quick_check(5)').all()
  const texts = findings.map(row => String(row.quick_check))
  if (texts.length === 1 && texts[0] === 'ok') return
  throw damaged(path, new Error(texts.join('; ')))
}

function damaged(path: string, cause: unknown): ApplianceError {
  return new ApplianceError('STORE_DAMAGED', `The database ${path} is damaged.`, {
    cause,
    hint: 'Keep a copy for support, then restore the data directory from its backup.',
  })
}

function databaseError(thrown: unknown, path: string): ApplianceError {
  const code = sqliteCode(thrown)
  if (code === sqliteCorrupt || code === sqliteNotDatabase) return damaged(path, thrown)
  if (code === sqliteBusy)
    return new ApplianceError('STORE_LOCKED', `The database ${path} is in use by another process.`, {
      cause: thrown,
      hint: 'Stop the other appliance, or give this one a data directory of its own (HOIST_DATA_DIR).',
    })
  const reason = thrown instanceof Error ? thrown.message : String(thrown)
  return new ApplianceError('STORE_UNAVAILABLE', `The database ${path} cannot be used: ${reason}.`, {
    cause: thrown,
    hint: 'Look at the free space, the owner and the mode of the data directory.',
  })
}

/** SQLite's own extended result code; undefined when something else was thrown. */
function sqliteCode(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error) || !('errcode' in thrown) || typeof thrown.errcode !== 'number') return undefined
  // Extended codes keep the primary one in their low byte; only uniqueness is told apart further.
  return sqliteUnique.includes(thrown.errcode) ? thrown.errcode : thrown.errcode & 0xff
}
