// Copies of the database: whole or not at all, of the last days and the newest.
import { openSync, readdirSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  backupDirectory,
  backupPath,
  checkInUse,
  databaseName,
  listBackups,
  takeBackup,
  upgradeBackupName,
} from '../../appliance/store/backup.ts'
import { checkFile } from '../../appliance/store/check-file.ts'
import { openDatabase } from '../../appliance/store/database.ts'
import { jobRepository } from '../../appliance/store/jobs.ts'
import { sampleJob } from './samples.ts'

const day = (number: number) => new Date(Date.UTC(2026, 2, number, 2))

async function open(t: Test) {
  const dataDir = t.testdir()
  const database = openDatabase(join(dataDir, databaseName))
  await jobRepository(database).create(sampleJob(1))
  return { dataDir, database, jobs: jobRepository(database) }
}

const namesOf = (dataDir: string) => readdirSync(backupDirectory(dataDir)).sort()

t.test('a backup is private, whole, listed with its time and size, and alone', async t => {
  const { dataDir, database } = await open(t)
  t.teardown(() => database.close())
  t.strictSame(await listBackups(dataDir), [])
  const backup = await takeBackup(database, dataDir, day(1))
  const path = await backupPath(dataDir, backup.name)
  t.strictSame(backup, {
    name: 'hoist-20260301T020000Z.db',
    takenAt: '2026-03-01T02:00:00.000Z',
    sizeBytes: statSync(path).size,
  })
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.equal(statSync(backupDirectory(dataDir)).mode & 0o777, 0o700)
  t.strictSame(await checkFile(path), [])
  t.strictSame(await listBackups(dataDir), [backup])
  t.strictSame(namesOf(dataDir), [backup.name])
})

t.test('the database is checked while it is in use, and nothing stays of the copy', async t => {
  const { dataDir, database } = await open(t)
  t.teardown(() => database.close())
  t.strictSame(await checkInUse(database, dataDir), [])
  t.strictSame(namesOf(dataDir), [])
})

t.test('one is kept of each of seven days; one from before an upgrade stays', async t => {
  const { dataDir, database } = await open(t)
  t.teardown(() => database.close())
  await takeBackup(database, dataDir, day(1))
  writeFileSync(join(backupDirectory(dataDir), upgradeBackupName(2)), 'x')
  writeFileSync(join(backupDirectory(dataDir), 'hoist-20290101T000000Z.db'), 'from a clock that ran ahead')
  for (let number = 2; number <= 9; number++) await takeBackup(database, dataDir, day(number))
  t.strictSame(namesOf(dataDir), [
    'before-schema-2.db',
    ...[3, 4, 5, 6, 7, 8, 9].map(number => `hoist-2026030${number}T020000Z.db`),
  ])
  t.strictSame(
    (await listBackups(dataDir)).filter(({ name }) => name.startsWith('hoist')).map(({ takenAt }) => takenAt),
    [9, 8, 7, 6, 5, 4, 3].map(number => day(number).toISOString()),
  )
})

t.test('however many are taken in a day, the newest three of them stay, and no other day is pushed out', async t => {
  const { dataDir, database } = await open(t)
  t.teardown(() => database.close())
  for (const number of [1, 2, 3, 4, 6, 7, 8]) await takeBackup(database, dataDir, day(number))
  for (let minute = 1; minute <= 5; minute++)
    await takeBackup(database, dataDir, new Date(day(8).getTime() + minute * 60_000))
  t.strictSame(namesOf(dataDir), [
    ...[1, 2, 3, 4, 6, 7].map(number => `hoist-2026030${number}T020000Z.db`),
    ...[3, 4, 5].map(minute => `hoist-20260308T020${minute}00Z.db`),
  ])
  await takeBackup(database, dataDir, day(9))
  t.strictSame(namesOf(dataDir), [
    ...[2, 3, 4, 6, 7].map(number => `hoist-2026030${number}T020000Z.db`),
    ...[4, 5].map(minute => `hoist-20260308T020${minute}00Z.db`),
    'hoist-20260309T020000Z.db',
  ])
})

t.test('what is given up, or what a killed process left, leaves nothing', async t => {
  const { dataDir, database } = await open(t)
  t.teardown(() => database.close())
  const reason = new Error('stop')
  await t.rejects(takeBackup(database, dataDir, day(1), AbortSignal.abort(reason)), reason)
  t.strictSame(namesOf(dataDir), [])
  const left = 'hoist-20260301T020000Z.db.0123456789ab.new'
  for (const name of [left, `${left}-journal`]) writeFileSync(join(backupDirectory(dataDir), name), 'half')
  await takeBackup(database, dataDir, day(2))
  t.strictSame(namesOf(dataDir), ['hoist-20260302T020000Z.db'])
})

t.test('a damaged database makes no backup, the older ones stay, and its check says so', async t => {
  const { dataDir, database, jobs } = await open(t)
  for (let number = 2; number < 400; number++) await jobs.create(sampleJob(number))
  await takeBackup(database, dataDir, day(1))
  database.close()
  const again = openDatabase(join(dataDir, databaseName))
  t.teardown(() => again.close())
  // What was read to check it is still in memory, and whole.
  again.read(sql => [sql.get('PRAGMA cache_size = 1'), sql.get('PRAGMA shrink_memory')])
  const path = join(dataDir, databaseName)
  const file = openSync(path, 'r+')
  // Left open: to close it would drop the lock that this process holds.
  for (let offset = 16 * 4096; offset < statSync(path).size; offset += 4096)
    writeSync(file, Buffer.alloc(4096, 0xa5), 0, 4096, offset)
  await t.rejects(takeBackup(again, dataDir, day(2)), { code: 'STORE_DAMAGED' })
  t.not((await checkInUse(again, dataDir)).length, 0)
  t.strictSame(namesOf(dataDir), ['hoist-20260301T020000Z.db'])
})
