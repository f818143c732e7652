// Copies of the database: one a day, each whole and checked, and the way back to one of them.
//
// A copy holds everything that is stored, settings and history included. Secrets are in it as they are in the database: sealed
// with the key file `secrets.key`, which is not copied. On a machine with another key file, they are entered again.
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, link, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { ApplianceError } from '../errors.ts'
import { makePrivateDirectory, syncDirectory } from '../private-file.ts'
import { checkFile } from './check-file.ts'
import { type Database, refuseIfOpenElsewhere } from './database.ts'
import { databaseError, freeBytes, unavailableHint } from './sqlite-errors.ts'

export interface Backup {
  /** Of its file in the directory `backups`. */
  name: string
  /** When it was begun, ISO 8601. */
  takenAt: string
  sizeBytes: number
}

/** The database's file in a data directory. */
export const databaseName = 'hoist.db'
const directoryName = 'backups'

/** A week of days; the oldest goes. */
const kept = 7
const dailyName = /^hoist-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.db$/
/** The database as it was before that schema: kept until the next upgrade to it. */
const upgradeName = /^before-schema-\d+\.db$/
/** What a killed process leaves of a copy, SQLite's journal of it included. */
const unfinishedName = /\.db\.[0-9a-f]+\.new(-journal)?$/
/** Left to the runs under way, which must not fail because of a copy. */
const reserveBytes = 64 * 2 ** 20

export function backupDirectory(dataDir: string): string {
  return join(dataDir, directoryName)
}

export function upgradeBackupName(schema: number): string {
  return `before-schema-${schema}.db`
}

/** Copies that are kept, newest first: the daily ones, and those from before an upgrade. They are not checked anew. */
export async function listBackups(dataDir: string): Promise<Backup[]> {
  const directory = backupDirectory(dataDir)
  const backups: Backup[] = []
  for (const name of await namesIn(directory)) {
    if (!isBackupName(name)) continue
    const stats = await stat(join(directory, name)).catch(ignoreMissing)
    if (stats?.isFile())
      backups.push({ name, takenAt: (timeOf(name) ?? stats.mtime).toISOString(), sizeBytes: stats.size })
  }
  return backups.toSorted((a, b) => (a.takenAt < b.takenAt ? 1 : -1))
}

/**
 * Copies the database while it is in use, checks the copy, and removes the eighth of the older ones. After an error there is no
 * half copy, and all of the older ones. One at a time.
 * @throws {ApplianceError} STORE_UNAVAILABLE without room for it, STORE_DAMAGED when the copy is; the signal's reason
 */
export async function takeBackup(
  database: Database,
  dataDir: string,
  now: Date,
  signal?: AbortSignal,
): Promise<Backup> {
  const directory = backupDirectory(dataDir)
  await makePrivateDirectory(directory)
  await removeUnfinished(directory)
  await refuseWithoutRoom(dataDir)
  const name = dailyNameAt(now)
  const path = join(directory, name)
  const unfinished = unfinishedPath(path)
  try {
    await (await open(unfinished, 'wx', 0o600)).close()
    await database.copyTo(unfinished, signal)
    await refuseDamaged(unfinished)
    await rename(unfinished, path)
  } catch (thrown) {
    signal?.throwIfAborted()
    throw thrown instanceof ApplianceError ? thrown : databaseError(thrown, path)
  } finally {
    for (const end of ['', '-journal']) await rm(`${unfinished}${end}`, { force: true })
  }
  await syncDirectory(path)
  await removeOlder(directory, name, now)
  return { name, takenAt: now.toISOString(), sizeBytes: (await stat(path)).size }
}

/**
 * Puts a copy in the place of the database. The database must not be open: neither here nor in another process. The old one stays
 * as `damaged-<time>.db` in the data directory, with its write-ahead log; its name is returned. After a crash on the way, the old
 * or the new one is there.
 * @throws {ApplianceError} NOT_FOUND, STORE_DAMAGED when the copy is (the database is as it was then), STORE_LOCKED, STORE_UNAVAILABLE
 */
export async function restoreBackup(dataDir: string, name: string, now: Date = new Date()): Promise<string> {
  const source = await backupPath(dataDir, name)
  const path = join(dataDir, databaseName)
  await refuseDamaged(source)
  refuseIfOpenElsewhere(path)
  await removeUnfinished(dataDir)
  const unfinished = unfinishedPath(path)
  try {
    await copyFile(source, unfinished, constants.COPYFILE_EXCL)
    await makeDurable(unfinished)
    const asideName = `damaged-${stampOf(now)}.db`
    const aside = join(dataDir, asideName)
    // Somebody may have moved the database away already; and SQLite removes its log when it closes.
    await link(path, aside).catch(ignoreMissing)
    // The log goes before the database: it would be played into the restored one.
    await rename(`${path}-wal`, `${aside}-wal`).catch(ignoreMissing)
    await rm(`${path}-shm`, { force: true })
    await rename(unfinished, path)
    await syncDirectory(path)
    return asideName
  } catch (thrown) {
    throw databaseError(thrown, path)
  } finally {
    await rm(unfinished, { force: true })
  }
}

/** The path of a copy by its name. @throws {ApplianceError} NOT_FOUND */
export async function backupPath(dataDir: string, name: string): Promise<string> {
  const known = isBackupName(name) && (await namesIn(backupDirectory(dataDir))).includes(name)
  if (known) return join(backupDirectory(dataDir), name)
  throw new ApplianceError('NOT_FOUND', `There is no backup ${name}.`, {
    hint: 'List the backups to see which there are.',
  })
}

async function refuseWithoutRoom(dataDir: string): Promise<void> {
  const { size } = await stat(join(dataDir, databaseName))
  const free = freeBytes(dataDir)
  if (free === undefined || free >= size + reserveBytes) return
  throw new ApplianceError('STORE_UNAVAILABLE', `There is no room for a backup of ${size} bytes.`, {
    hint: unavailableHint(dataDir),
  })
}

async function refuseDamaged(path: string): Promise<void> {
  const findings = await checkFile(path)
  if (findings.length === 0) return
  throw new ApplianceError('STORE_DAMAGED', `The backup ${path} is damaged.`, {
    cause: new Error(findings.join('; ')),
    statusCode: 422,
    hint: 'Choose another backup.',
  })
}

/** Never the one that was just made, though its clock may be behind that of others. */
async function removeOlder(directory: string, newest: string, now: Date): Promise<void> {
  // Made under a clock that ran ahead: how old they are is not known, so that they go first.
  const rank = (name: string) => (name > dailyNameAt(now) ? '' : name)
  const others = (await namesIn(directory)).filter(name => dailyName.test(name) && name !== newest)
  const newestFirst = others.toSorted((a, b) => (rank(a) < rank(b) ? 1 : -1))
  for (const name of newestFirst.slice(kept - 1)) await unlink(join(directory, name))
}

async function makeDurable(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.chmod(0o600)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function namesIn(directory: string): Promise<string[]> {
  return (await readdir(directory).catch(ignoreMissing)) ?? []
}

/** What a killed process has left. */
async function removeUnfinished(directory: string): Promise<void> {
  for (const name of await namesIn(directory))
    if (unfinishedName.test(name)) await rm(join(directory, name), { force: true })
}

function ignoreMissing(thrown: unknown): undefined {
  if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined
  throw thrown
}

function isBackupName(name: string): boolean {
  return dailyName.test(name) || upgradeName.test(name)
}

function dailyNameAt(at: Date): string {
  return `hoist-${stampOf(at)}.db`
}

/** `20260301T020000Z`: sorts by time, and every file system takes it. */
function stampOf(at: Date): string {
  return at.toISOString().replace(/\.\d+/, '').replaceAll(/[-:]/g, '')
}

function timeOf(name: string): Date | undefined {
  const found = dailyName.exec(name)
  return found ? new Date(name.replace(dailyName, '$1-$2-$3T$4:$5:$6Z')) : undefined
}

function unfinishedPath(path: string): string {
  return `${path}.${randomBytes(6).toString('hex')}.new`
}
