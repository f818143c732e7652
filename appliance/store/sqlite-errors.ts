// SQLite's result codes as errors of the appliance: locked, damaged, or not usable for now.
import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { ApplianceError } from '../errors.ts'

/** Result codes that have a name of their own here: https://www.sqlite.org/rescode.html. */
const sqliteBusy = 5
const sqliteCorrupt = 11
const sqliteNotDatabase = 26
/** SQLITE_IOERR_SHORT_READ, SQLITE_IOERR_DATA and SQLITE_IOERR_CORRUPTFS: the file has lost bytes. */
const sqliteBytesLost = [522, 8202, 8458]
/** SQLITE_CONSTRAINT_UNIQUE and SQLITE_CONSTRAINT_PRIMARYKEY. */
const sqliteUnique = [2067, 1555]

/** Whether SQLite itself threw this. */
export function isSqliteError(thrown: unknown): boolean {
  return resultCode(thrown) !== undefined
}

/** Whether a write broke a unique index or key. */
export function isUniqueBreach(thrown: unknown): boolean {
  const code = resultCode(thrown)
  return code !== undefined && sqliteUnique.includes(code)
}

/** What SQLite, or the system when the file was opened, said about the database at `path`. */
export function databaseError(thrown: unknown, path: string): ApplianceError {
  const extended = resultCode(thrown)
  // Extended codes keep the primary one in their low byte.
  const code = extended === undefined ? undefined : extended & 0xff
  if (code === sqliteCorrupt || code === sqliteNotDatabase || sqliteBytesLost.includes(extended ?? 0))
    return damagedError(path, thrown)
  if (code === sqliteBusy)
    return new ApplianceError('STORE_LOCKED', `The database ${path} is in use by another process.`, {
      cause: thrown,
      hint: 'Stop the other appliance, or give this one a data directory of its own (HOIST_DATA_DIR).',
    })
  const reason = thrown instanceof Error ? thrown.message : String(thrown)
  return new ApplianceError('STORE_UNAVAILABLE', `The database ${path} cannot be used: ${reason}.`, {
    cause: thrown,
    hint: unavailableHint(dirname(path)),
  })
}

export function damagedError(path: string, cause: unknown): ApplianceError {
  return new ApplianceError('STORE_DAMAGED', `The database ${path} is damaged.`, {
    cause,
    hint: 'Export it for support, then restore a backup: GET /api/rescue lists them.',
  })
}

/** Names the place and its room: a full disk is the most frequent reason by far. */
export function unavailableHint(directory: string): string {
  const free = freeBytes(directory)
  const room = free === undefined ? '' : ` Its file system has ${Math.floor(free / 2 ** 20)} MiB free.`
  return `Look at the free space, the owner and the mode of the data directory ${directory}.${room} What was stored before is kept.`
}

/** Bytes that this process may still write beside `directory`; undefined when it cannot be asked. */
export function freeBytes(directory: string): number | undefined {
  try {
    const { bavail, bsize } = statfsSync(directory)
    return bavail * bsize
  } catch {
    // The directory is gone or forbidden: the error that is being told says so itself.
    return undefined
  }
}

/** SQLite's own extended result code; undefined when something else was thrown. */
function resultCode(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error) || !('errcode' in thrown) || typeof thrown.errcode !== 'number') return undefined
  return thrown.errcode
}
