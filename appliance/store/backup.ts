// Copies of the database: one a day, each whole and checked. The way back to one of them is in restore.ts.
//
// A copy holds everything that is stored, settings and history included. Secrets are in it as they are in the database: sealed
// with the machine's key, which is not copied. It leaves the machine as an export only (backup-export.ts), which has both.
import { randomBytes } from 'node:crypto'
import { open, readdir, rename, rm, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { ApplianceError } from '../errors.ts'
import { ignoreMissing } from '../missing-file.ts'
import { makePrivateDirectory, syncDirectory } from '../private-file.ts'
import { checkFile } from './check-file.ts'
import type { Database } from './database.ts'
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

/** The newest of all are kept, however many were taken in a day. */
const keptNewest = 3
/** And of as many days the newest one: a week of them. Days without a backup do not count. */
const keptDays = 7
const dailyName = /^hoist-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.db$/
/** The database as it was before that schema: kept until the next upgrade to it. */
const upgradeName = /^before-schema-\d+\.db$/
/** What was exported, here or elsewhere, and came back: one is kept. */
export const importedName = /^imported-(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z\.db$/
/** What a killed process leaves of a copy, SQLite's journal of it included. */
const unfinishedName = /\.db\.[0-9a-f]+\.new(-journal)?$/
/** Left to the runs under way, which must not fail because of a copy. */
export const reserveBytes = 64 * 2 ** 20

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
 * Copies the database while it is in use, checks the copy, and removes older ones: the newest three stay, and of each of the
 * last seven days (UTC) with a backup the newest, so that no number of backups in a day pushes the days before it out. After an
 * error there is no half copy, and all of the older ones. One at a time.
 * @throws {ApplianceError} STORE_UNAVAILABLE without room for it, STORE_DAMAGED when the copy is; the signal's reason
 */
export async function takeBackup(
  database: Database,
  dataDir: string,
  now: Date,
  signal?: AbortSignal,
): Promise<Backup> {
  const name = dailyNameAt(now)
  const path = join(backupDirectory(dataDir), name)
  await withCopy(database, dataDir, signal, async unfinished => {
    await refuseDamaged(unfinished)
    await rename(unfinished, path)
  })
  await syncDirectory(path)
  await removeOlder(backupDirectory(dataDir), name, now)
  return { name, takenAt: now.toISOString(), sizeBytes: (await stat(path)).size }
}

/**
 * SQLite's check of the database as it stands now, on a copy that is gone afterwards: pages are copied as they are, damage
 * included. Empty when it is whole.
 * @throws {ApplianceError} STORE_UNAVAILABLE without room for the copy, STORE_DAMAGED when it cannot even be read; the signal's reason
 */
export async function checkInUse(database: Database, dataDir: string, signal?: AbortSignal): Promise<string[]> {
  return await withCopy(database, dataDir, signal, checkFile)
}

/** Copies the database for `use`; whatever is left of the copy then is removed. */
async function withCopy<T>(
  database: Database,
  dataDir: string,
  signal: AbortSignal | undefined,
  use: (copy: string) => Promise<T>,
): Promise<T> {
  const directory = backupDirectory(dataDir)
  await makePrivateDirectory(directory)
  await removeUnfinished(directory)
  await refuseWithoutRoom(dataDir)
  const copy = unfinishedPath(join(directory, databaseName))
  try {
    await (await open(copy, 'wx', 0o600)).close()
    await database.copyTo(copy, signal)
    return await use(copy)
  } catch (thrown) {
    signal?.throwIfAborted()
    throw thrown instanceof ApplianceError ? thrown : databaseError(thrown, join(dataDir, databaseName))
  } finally {
    for (const end of ['', '-journal']) await rm(`${copy}${end}`, { force: true })
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

export async function refuseDamaged(path: string): Promise<void> {
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
  const others = (await namesIn(directory)).filter(name => dailyName.test(name) && name !== newest)
  // Made under a clock that ran ahead: how old they are is not known, so that they go first.
  const [ahead, past] = [
    others.filter(name => name > dailyNameAt(now)),
    others.filter(name => name <= dailyNameAt(now)),
  ]
  const newestFirst = [newest, ...past.toSorted().reverse(), ...ahead]
  const newestOfDays = [...Map.groupBy(newestFirst, dayOf).values()].flatMap(([first = '']) => first)
  const stay = new Set([...newestFirst.slice(0, keptNewest), ...newestOfDays.slice(0, keptDays)])
  for (const name of newestFirst) if (!stay.has(name)) await unlink(join(directory, name))
}

export async function namesIn(directory: string): Promise<string[]> {
  return (await readdir(directory).catch(ignoreMissing)) ?? []
}

/** What a killed process has left. */
export async function removeUnfinished(directory: string): Promise<void> {
  for (const name of await namesIn(directory))
    if (unfinishedName.test(name)) await rm(join(directory, name), { force: true })
}

function isBackupName(name: string): boolean {
  return dailyName.test(name) || upgradeName.test(name) || importedName.test(name)
}

export function importedNameAt(at: Date): string {
  return `imported-${stampOf(at)}.db`
}

function dailyNameAt(at: Date): string {
  return `hoist-${stampOf(at)}.db`
}

/** `20260301T020000Z`: sorts by time, and every file system takes it. */
export function stampOf(at: Date): string {
  return at.toISOString().replace(/\.\d+/, '').replaceAll(/[-:]/g, '')
}

/** `20260301`, of a daily backup's name. */
function dayOf(name: string): string {
  return dailyName.exec(name)?.slice(1, 4).join('') ?? ''
}

function timeOf(name: string): Date | undefined {
  const form = [dailyName, importedName].find(pattern => pattern.test(name))
  return form && new Date(name.replace(form, '$1-$2-$3T$4:$5:$6Z'))
}

export function unfinishedPath(path: string): string {
  return `${path}.${randomBytes(6).toString('hex')}.new`
}
