// Copies of the database and the way back: whole or not at all, seven of them, and never over a database in use.
import { openSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  backupDirectory,
  backupPath,
  databaseName,
  listBackups,
  restoreBackup,
  takeBackup,
  upgradeBackupName,
} from '../../appliance/store/backup.ts'
import { checkFile } from '../../appliance/store/check-file.ts'
import { openDatabase } from '../../appliance/store/database.ts'
import { jobRepository } from '../../appliance/store/jobs.ts'
import { openStore } from '../../appliance/store/store.ts'
import { sampleJob, seeded } from './samples.ts'

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

t.test('a secret is sealed in a backup, too, and its key is not part of it', async t => {
  const dataDir = t.testdir()
  const store = await openStore(dataDir)
  await store.secrets.set('vcenter.password', 'a canary 4711')
  const { name } = await store.backup()
  const bytes = readFileSync(await backupPath(dataDir, name))
  t.notOk(bytes.includes('canary'))
  t.notOk(bytes.includes(readFileSync(join(dataDir, 'secrets.key'))))
  store.close()
  await restoreBackup(dataDir, name)
  const restored = await openStore(dataDir)
  t.equal(await restored.secrets.get('vcenter.password'), 'a canary 4711')
  restored.close()
})

t.test('seven are kept, the newest ones; one from before an upgrade stays', async t => {
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

t.test('a damaged database makes no backup, and the older ones stay', async t => {
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
  t.strictSame(namesOf(dataDir), ['hoist-20260301T020000Z.db'])
})

t.test('a restored database is the one of the backup; the damaged one stays aside with its log', async t => {
  const { dataDir, database, jobs } = await open(t)
  const { name } = await takeBackup(database, dataDir, day(1))
  await jobs.create(sampleJob(2))
  database.close()
  const path = join(dataDir, databaseName)
  writeFileSync(path, 'shredded')
  writeFileSync(`${path}-wal`, 'its log')
  writeFileSync(`${path}-shm`, 'its index')
  writeFileSync(`${path}.0123456789ab.new`, 'half of an older try')
  t.equal(await restoreBackup(dataDir, name, day(3)), 'damaged-20260303T020000Z.db')
  t.strictSame(readdirSync(dataDir).sort(), [
    'backups',
    'damaged-20260303T020000Z.db',
    'damaged-20260303T020000Z.db-wal',
    'hoist.db',
  ])
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.equal(readFileSync(join(dataDir, 'damaged-20260303T020000Z.db'), 'utf8'), 'shredded')
  t.equal(readFileSync(join(dataDir, 'damaged-20260303T020000Z.db-wal'), 'utf8'), 'its log')
  const restored = openDatabase(path)
  t.teardown(() => restored.close())
  t.match((await jobRepository(restored).list()).items, [{ id: 'job-1' }])
  t.equal((await jobRepository(restored).list()).items.length, 1)
})

t.test('it is restored also when there is no database at all', async t => {
  const { dataDir, database } = await open(t)
  const { name } = await takeBackup(database, dataDir, day(1))
  database.close()
  const other = join(dataDir, 'other')
  await mkdir(backupDirectory(other), { recursive: true })
  writeFileSync(join(backupDirectory(other), name), readFileSync(join(backupDirectory(dataDir), name)))
  await restoreBackup(other, name)
  t.strictSame(readdirSync(other).sort(), ['backups', 'hoist.db'])
  openDatabase(join(other, databaseName)).close()
})

t.test('a backup that is damaged, unknown or no name is refused, and the database is as it was', async t => {
  const { dataDir, database } = await open(t)
  for (let number = 2; number < 200; number++) await jobRepository(database).create(sampleJob(number))
  const { name } = await takeBackup(database, dataDir, day(1))
  database.close()
  const before = readFileSync(join(dataDir, databaseName))
  const copy = join(backupDirectory(dataDir), name)
  const chance = seeded(11)
  const whole = readFileSync(copy)
  truncateSync(copy, (1 + chance(whole.length / 4096 - 2)) * 4096)
  await t.rejects(restoreBackup(dataDir, name), { code: 'STORE_DAMAGED', statusCode: 422, message: new RegExp(name) })
  for (const wrong of ['none.db', 'hoist-20260401T020000Z.db', '../hoist.db', '', 'hoist.db', `x/${name}`])
    await t.rejects(restoreBackup(dataDir, wrong), { code: 'NOT_FOUND' }, wrong)
  t.ok(readFileSync(join(dataDir, databaseName)).equals(before))
  t.strictSame(readdirSync(dataDir).sort(), ['backups', 'hoist.db'])
})

t.test('a database in use is not replaced', async t => {
  const { dataDir, database } = await open(t)
  t.teardown(() => database.close())
  const { name } = await takeBackup(database, dataDir, day(1))
  const { ino } = statSync(join(dataDir, databaseName))
  await t.rejects(restoreBackup(dataDir, name), { code: 'STORE_LOCKED' })
  t.equal(statSync(join(dataDir, databaseName)).ino, ino)
})
