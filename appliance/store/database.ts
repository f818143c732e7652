// The SQLite file under all repositories: opening, checking, transactions. Nothing outside store/ knows that it is SQL.
import { closeSync, openSync } from 'node:fs'
import { backup, DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { ApplianceError } from '../errors.ts'
import { findDamage, isWalDamaged } from './check-database.ts'
import { migrate } from './migrate.ts'
import { damagedError, databaseError, isSqliteError, isUniqueBreach } from './sqlite-errors.ts'

/**
 * Rows per transaction of bulk work, and bytes of them. node:sqlite works on the event loop: a batch of this size takes some
 * 5 ms, and on a slow disk or a busy machine still less than the 50 ms that no statement may hold it; between batches the
 * loop turns.
 */
export const batchRows = 100
export const batchBytes = 512 * 1024

/** Pages per step of a copy, 1 MiB: what a statement in between may have to wait for. */
const copyPages = 256

/** Another process that is just stopping may hold the file for a moment when this one opens it. */
const lockWaitMs = 2000

export type Row = Record<string, unknown>

/** Statements inside one transaction. Texts are constants, so each is compiled once. */
export interface Statements {
  /** Rows changed. */
  run(text: string, ...values: SQLInputValue[]): number
  get(text: string, ...values: SQLInputValue[]): Row | undefined
  all(text: string, ...values: SQLInputValue[]): Row[]
}

export interface DatabaseOptions {
  /** Called before the schema of an older version is changed, with a way to copy the database aside as it is. */
  beforeUpgrade?: (schema: number, copyTo: (path: string) => void) => void
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

  /**
   * Copies the database as it is at the end of the copying, in steps between which the event loop turns. The copy is on
   * disk when the promise resolves; after an error, what is at `path` is of no use.
   * @throws {ApplianceError} STORE_DAMAGED, STORE_UNAVAILABLE; the signal's reason when it is given up
   */
  async copyTo(path: string, signal?: AbortSignal): Promise<void> {
    try {
      signal?.throwIfAborted()
      await backup(this.#sqlite, path, { rate: copyPages, progress: () => signal?.throwIfAborted() })
    } catch (thrown) {
      signal?.throwIfAborted()
      throw isSqliteError(thrown) ? databaseError(thrown, path) : thrown
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
    if (!isSqliteError(thrown) || isUniqueBreach(thrown)) return thrown
    return databaseError(thrown, this.#path)
  }
}

/**
 * Opens the database, makes it when there is none, checks it, and brings its schema up to date. Blocks for the time of the
 * check (1 to 2 s per GiB from memory, and from a disk as long as that needs to read it all; 10,000 servers are 30 MiB): call
 * it before the process serves anyone.
 * @throws {ApplianceError} STORE_LOCKED, STORE_DAMAGED, STORE_NEWER, STORE_UNAVAILABLE
 */
export function openDatabase(path: string, options: DatabaseOptions = {}): Database {
  let sqlite: DatabaseSync | undefined
  try {
    makePrivate(path)
    if (isWalDamaged(path)) throw damagedError(path, new Error('the head of its write-ahead log is not one'))
    sqlite = new DatabaseSync(path, { enableForeignKeyConstraints: true, timeout: lockWaitMs, defensive: true })
    // Held until the process ends, however it ends.
    sqlite.exec('PRAGMA locking_mode = EXCLUSIVE')
    const mode = sqlite.prepare('PRAGMA journal_mode = WAL').get()?.journal_mode
    if (mode !== 'wal') throw new Error(`write-ahead logging is not possible here, SQLite chose "${String(mode)}"`)
    sqlite.exec('PRAGMA synchronous = FULL')
    const findings = findDamage(sqlite)
    if (findings.length > 0) throw damagedError(path, new Error(findings.join('; ')))
    migrate(sqlite, path, options.beforeUpgrade)
    return new Database(sqlite, path, options)
  } catch (thrown) {
    sqlite?.close()
    throw thrown instanceof ApplianceError ? thrown : databaseError(thrown, path)
  }
}

/**
 * Throws when somebody has the database open, however damaged it is. It must not be open in this process.
 * @throws {ApplianceError} STORE_LOCKED
 */
export function refuseIfOpenElsewhere(path: string): void {
  let sqlite: DatabaseSync | undefined
  try {
    sqlite = new DatabaseSync(path, { readOnly: true })
    sqlite.prepare('SELECT count(*) FROM sqlite_schema').get()
  } catch (thrown) {
    // Whatever else is wrong with it, the lock comes first.
    const error = databaseError(thrown, path)
    if (error.code === 'STORE_LOCKED') throw error
  } finally {
    sqlite?.close()
  }
}

/**
 * Makes the file ourselves, so that neither the database nor the -wal that takes its mode is ever readable by others. One
 * that is there is not opened: to close it would drop the locks of a database that this process has open already.
 */
function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, 'ax', 0o600))
  } catch (thrown) {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST')) throw thrown
  }
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
