// The database during an upgrade: kept as it is, its new schema tried on a copy, and put back if the new release is no good.
//
// Each step runs as the service's user, in a process of its own, while the service stands still.

import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, lstat, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ApplianceError } from '../errors.ts'
import { ignoreMissing } from '../missing-file.ts'
import { makeDurable, syncDirectory } from '../private-file.ts'
import { databaseName } from '../store/backup.ts'
import { openDatabase, refuseIfOpenElsewhere } from '../store/database.ts'
import { freeBytes, unavailableHint } from '../store/sqlite-errors.ts'

/** Beside the database: to put it back takes no room and one rename. */
const keptName = 'before-upgrade.db'
const unfinishedName = 'before-upgrade.db.new'
const trialName = 'upgrade-trial.db'
/** Left free for the log and for what a migration adds. */
const reserveBytes = 64 * 2 ** 20

/**
 * Keeps the database as it is now, its write-ahead log included. To be run with the release that wrote it.
 * @throws {ApplianceError} STORE_LOCKED while the service runs, STORE_DAMAGED, STORE_UNAVAILABLE without room for two copies, or
 *   when the log could not be played into the copy
 */
export async function keepDatabase(dataDir: string): Promise<void> {
  const path = join(dataDir, databaseName)
  const unfinished = join(dataDir, unfinishedName)
  refuseIfOpenElsewhere(path)
  await dropKeptDatabase(dataDir)
  await refuseWithoutRoom(dataDir, (await sizeOf(path)) + (await sizeOf(`${path}-wal`)))
  try {
    await copyDatabase(path, unfinished)
    // Opening checks it, and closing plays its log into it: what is kept is one file.
    openDatabase(unfinished).close()
    await refuseUnplayedLog(unfinished)
    await makeDurable(unfinished)
    await rename(unfinished, join(dataDir, keptName))
    await syncDirectory(join(dataDir, keptName))
  } finally {
    await removeDatabase(unfinished)
  }
}

/**
 * Brings a copy of what is kept up to the schema of the release that runs this, and throws it away.
 * @throws {ApplianceError} whatever would have become of the database itself
 */
export async function tryMigration(dataDir: string): Promise<void> {
  const trial = join(dataDir, trialName)
  await removeDatabase(trial)
  try {
    await copyDatabase(join(dataDir, keptName), trial)
    openDatabase(trial).close()
  } finally {
    await removeDatabase(trial)
  }
}

/** Puts the kept database back. Once is enough, and again does nothing: a power cut in the middle is made good by another call. */
export async function restoreDatabase(dataDir: string): Promise<void> {
  const path = join(dataDir, databaseName)
  const kept = join(dataDir, keptName)
  if (!(await lstat(kept).catch(ignoreMissing))?.isFile()) return
  refuseIfOpenElsewhere(path)
  // The log goes first: it would be played into the restored one.
  for (const end of ['-wal', '-shm']) await clear(`${path}${end}`)
  if ((await lstat(path).catch(ignoreMissing))?.isDirectory()) await clear(path)
  await rename(kept, path)
  await syncDirectory(path)
}

export async function dropKeptDatabase(dataDir: string): Promise<void> {
  for (const name of [keptName, unfinishedName, trialName]) await removeDatabase(join(dataDir, name))
}

async function copyDatabase(from: string, to: string): Promise<void> {
  // Shared blocks where the file system can: then a copy costs nothing.
  await copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE)
  await copyFile(`${from}-wal`, `${to}-wal`, constants.COPYFILE_FICLONE).catch(ignoreMissing)
}

async function removeDatabase(path: string): Promise<void> {
  for (const end of ['', '-wal', '-shm', '-journal']) await clear(`${path}${end}`)
}

/**
 * Whatever has the name goes, a directory too: the service may have been broken into. What cannot be removed (too deep, no
 * rights in it) leaves its name to whoever needs it.
 */
async function clear(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true })
  } catch {
    await rename(path, `${path}.aside-${randomBytes(6).toString('hex')}`) // If that fails too, it says why.
  }
}

async function refuseWithoutRoom(dataDir: string, sizeBytes: number): Promise<void> {
  const free = freeBytes(dataDir)
  const wanted = 2 * sizeBytes + reserveBytes
  if (free === undefined || free >= wanted) return
  throw new ApplianceError('STORE_UNAVAILABLE', `An upgrade needs ${wanted} bytes for copies of the database.`, {
    hint: unavailableHint(dataDir),
  })
}

/** SQLite closes without a word when it could not play the log in: a copy without it would lack the latest transactions. */
async function refuseUnplayedLog(path: string): Promise<void> {
  const left = await sizeOf(`${path}-wal`)
  if (left === 0) return
  throw new ApplianceError('STORE_UNAVAILABLE', `The copy ${path} lacks ${left} bytes of the database's log.`, {
    hint: unavailableHint(dirname(path)),
  })
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(ignoreMissing))?.size ?? 0
}
