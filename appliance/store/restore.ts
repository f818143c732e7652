// The way back to a backup: it takes the database's place whole, or not at all, wherever the process is cut off.
import { constants } from 'node:fs'
import { copyFile, link, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ignoreMissing } from '../missing-file.ts'
import { makeDurable, syncDirectory } from '../private-file.ts'
import {
  backupPath,
  databaseName,
  namesIn,
  refuseDamaged,
  removeUnfinished,
  stampOf,
  unfinishedPath,
} from './backup.ts'
import { refuseIfOpenElsewhere } from './database.ts'
import { databaseError } from './sqlite-errors.ts'

/** A copy that is to take the database's place; the time tells what the former database is called. */
const restoringName = /^hoist\.db\.restoring-(\d{8}T\d{6}Z)$/

/**
 * Puts a copy in the place of the database. The database must not be open: neither here nor in another process. The old one stays
 * as `damaged-<time>.db` in the data directory, with its write-ahead log; its name is returned. Wherever it is cut off, the old
 * database is there, whole, or the new one is after `finishRestore`, which goes before each opening.
 * @throws {ApplianceError} NOT_FOUND, STORE_DAMAGED when the copy is (the database is as it was then), STORE_LOCKED, STORE_UNAVAILABLE
 */
export async function restoreBackup(dataDir: string, name: string, now: Date = new Date()): Promise<string> {
  const source = await backupPath(dataDir, name)
  await refuseDamaged(source)
  refuseIfOpenElsewhere(join(dataDir, databaseName))
  await finishRestore(dataDir)
  const aside = await stage(dataDir, source, now)
  await finishRestore(dataDir)
  return aside
}

/**
 * The first half of `restoreBackup`, which may be done while the database is open: from its end on, the next start opens the
 * copy, and what is written to the database until then is in what stands aside only.
 * @throws {ApplianceError} as `restoreBackup`
 */
export async function stageRestore(dataDir: string, name: string, now: Date = new Date()): Promise<string> {
  const source = await backupPath(dataDir, name)
  await refuseDamaged(source)
  return await stage(dataDir, source, now)
}

async function stage(dataDir: string, source: string, now: Date): Promise<string> {
  const path = join(dataDir, databaseName)
  await removeUnfinished(dataDir)
  const unfinished = unfinishedPath(path)
  const stamp = await freeStamp(dataDir, now)
  try {
    await copyFile(source, unfinished, constants.COPYFILE_EXCL)
    await makeDurable(unfinished)
    // From here on there is no way back: the old database may lose its log at any moment.
    await rename(unfinished, `${path}.restoring-${stamp}`)
    await syncDirectory(path)
  } catch (thrown) {
    throw databaseError(thrown, path)
  } finally {
    await rm(unfinished, { force: true })
  }
  return asideNameAt(stamp)
}

/**
 * Ends what `restoreBackup` has begun, if it was cut off: the copy that it has put beside the database takes its place. To be
 * called before the database is opened, as its log may be gone already.
 * @throws {ApplianceError} STORE_LOCKED, STORE_UNAVAILABLE
 */
export async function finishRestore(dataDir: string): Promise<void> {
  const path = join(dataDir, databaseName)
  for (const name of (await namesIn(dataDir)).toSorted()) {
    const stamp = restoringName.exec(name)?.[1]
    if (stamp === undefined) continue
    refuseIfOpenElsewhere(path)
    const aside = join(dataDir, asideNameAt(stamp))
    try {
      // A link leaves the database where it is: there is one at any moment. Somebody may have moved it away already.
      await link(path, aside).catch(ignoreMissingOrDone)
      // The log goes before the database, as it would be played into the restored one. One that was put aside already is the
      // real one: what stands here now is what looking into the file has made.
      await link(`${path}-wal`, `${aside}-wal`).catch(ignoreMissingOrDone)
      for (const end of ['-wal', '-shm']) await rm(`${path}${end}`, { force: true })
      await syncDirectory(path)
      await rename(join(dataDir, name), path)
      await syncDirectory(path)
    } catch (thrown) {
      throw databaseError(thrown, path)
    }
  }
}

function ignoreMissingOrDone(thrown: unknown): undefined {
  if (thrown instanceof Error && 'code' in thrown && thrown.code === 'EEXIST') return undefined
  return ignoreMissing(thrown)
}

/** Of now, or of the next second of which no former database stands aside. */
async function freeStamp(dataDir: string, now: Date): Promise<string> {
  const taken = await namesIn(dataDir)
  let at = now
  while (taken.includes(asideNameAt(stampOf(at)))) at = new Date(at.getTime() + 1000)
  return stampOf(at)
}

function asideNameAt(stamp: string): string {
  return `damaged-${stamp}.db`
}
