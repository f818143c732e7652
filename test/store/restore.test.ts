// The way back to a backup: whole or not at all, wherever it is cut off, and never over a database in use.
import { randomBytes } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  promises,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { backupDirectory, backupPath, databaseName, takeBackup } from '../../appliance/store/backup.ts'
import { openDatabase } from '../../appliance/store/database.ts'
import { jobRepository } from '../../appliance/store/jobs.ts'
import { finishRestore, restoreBackup } from '../../appliance/store/restore.ts'
import { openStore } from '../../appliance/store/store.ts'
import { sampleJob, seeded } from './samples.ts'

const day = (number: number) => new Date(Date.UTC(2026, 2, number, 2))

async function open(t: Test) {
  const dataDir = t.testdir()
  const database = openDatabase(join(dataDir, databaseName))
  await jobRepository(database).create(sampleJob(1))
  return { dataDir, database, jobs: jobRepository(database) }
}

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

/** A data directory as a kill of the process leaves it: what was committed last stands in the write-ahead log only. */
async function killed(t: Test) {
  const { dataDir, database, jobs } = await open(t)
  t.teardown(() => database.close())
  const { name } = await takeBackup(database, dataDir, day(1))
  await jobs.create(sampleJob(2))
  writeFileSync(join(dataDir, 'secrets.key'), randomBytes(32), { mode: 0o600 })
  const directory = mkdtempSync(join(tmpdir(), 'hoist-killed-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return () => {
    const copy = mkdtempSync(join(directory, 'data-'))
    cpSync(dataDir, copy, { recursive: true, filter: path => !path.endsWith('-shm') })
    return { dataDir: copy, name }
  }
}

/** Of a database in a directory after a start, and of the one that stands aside. */
async function jobsIn(dataDir: string): Promise<string[]> {
  const store = await openStore(dataDir)
  try {
    return (await store.jobs.list()).items.map(({ id }) => id).toSorted()
  } finally {
    store.close()
  }
}

t.test(
  'wherever a restore is cut off, the next start finds the old database whole or the restored one whole',
  async t => {
    const again = await killed(t)
    const ends: string[] = []
    for (let cutAt = 0; ends.at(-1) !== 'done'; cutAt++) {
      const { dataDir, name } = again()
      let calls = 0
      const cut = new Error('killed')
      const mortal =
        <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
        async (...args: A): Promise<R> => {
          // Nothing is done any more by a process that was killed: no cleaning either.
          if (calls++ >= cutAt) throw cut
          return await call(...args)
        }
      const { copyFile, link, open: openFile, rename, rm } = promises
      const { restoreBackup: restore } = await t.mockImport<typeof import('../../appliance/store/restore.ts')>(
        '../../appliance/store/restore.ts',
        {
          'node:fs/promises': {
            ...promises,
            ...{ copyFile: mortal(copyFile), link: mortal(link), open: mortal(openFile) },
            ...{ rename: mortal(rename), rm: mortal(rm) },
          },
        },
      )
      const done = await restore(dataDir, name, day(3)).then(
        () => true,
        () => false,
      )
      const found = await jobsIn(dataDir)
      const isOld = found.join() === 'job-1,job-2'
      if (!isOld) t.strictSame(found, ['job-1'], `cut at ${cutAt}`)
      const aside = readdirSync(dataDir).filter(file => file.startsWith('damaged-'))
      t.strictSame(
        aside,
        isOld ? [] : ['damaged-20260303T020000Z.db', 'damaged-20260303T020000Z.db-wal'],
        `cut at ${cutAt}: the former database stands aside with its log, or where it was`,
      )
      t.notOk(readdirSync(dataDir).some(file => file.includes('restoring')))
      ends.push(done ? 'done' : isOld ? 'old' : 'restored')
      if (isOld) continue
      for (const end of ['', '-wal'])
        renameSync(join(dataDir, `damaged-20260303T020000Z.db${end}`), join(dataDir, `${databaseName}${end}`))
      t.strictSame(await jobsIn(dataDir), ['job-1', 'job-2'], `cut at ${cutAt}: nothing of the former one is lost`)
    }
    t.ok(
      ends.filter(end => end === 'old').length >= 2 && ends.filter(end => end === 'restored').length >= 4,
      ends.join(),
    )
    t.strictSame(
      ends,
      ends.toSorted((a, b) => ['old', 'restored', 'done'].indexOf(a) - ['old', 'restored', 'done'].indexOf(b)),
    )
  },
)

t.test('a second restore in the same second puts the first one aside, too', async t => {
  const { dataDir, name } = (await killed(t))()
  t.equal(await restoreBackup(dataDir, name, day(3)), 'damaged-20260303T020000Z.db')
  t.equal(await restoreBackup(dataDir, name, day(3)), 'damaged-20260303T020001Z.db')
  t.strictSame(await jobsIn(dataDir), ['job-1'])
})

t.test('a database that another has open is not replaced by a restore that was cut off', async t => {
  const { dataDir, database } = await open(t)
  t.teardown(() => database.close())
  const staged = join(dataDir, `${databaseName}.restoring-20260303T020000Z`)
  writeFileSync(staged, 'x')
  await t.rejects(finishRestore(dataDir), { code: 'STORE_LOCKED' })
  t.ok(existsSync(staged))
})
