// The database before, during and after an upgrade.
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { openDatabase } from '../../appliance/store/database.ts'
import { dropKeptDatabase, keepDatabase, restoreDatabase, tryMigration } from '../../appliance/upgrade/database-copy.ts'

function ground(t: Test) {
  const dataDir = t.testdir()
  const path = join(dataDir, 'hoist.db')
  const word = (text?: string) => {
    const sqlite = new DatabaseSync(path)
    try {
      if (text !== undefined)
        sqlite.exec(`CREATE TABLE IF NOT EXISTS word (text); DELETE FROM word; INSERT INTO word VALUES ('${text}')`)
      return String(sqlite.prepare('SELECT text FROM word').get()?.text)
    } finally {
      sqlite.close()
    }
  }
  openDatabase(path).close()
  word('before')
  return { dataDir, path, word, names: () => readdirSync(dataDir).filter(name => !/^hoist\.db-(wal|shm)$/.test(name)) }
}

t.test('what is kept comes back, once, whatever the new release wrote', async t => {
  const { dataDir, path, word, names } = ground(t)
  await keepDatabase(dataDir)
  t.same(names(), ['before-upgrade.db', 'hoist.db'])
  t.equal(statSync(join(dataDir, 'before-upgrade.db')).mode & 0o777, 0o600)
  await tryMigration(dataDir)
  t.same(names(), ['before-upgrade.db', 'hoist.db'], 'the trial leaves nothing')
  word('after')
  const newer = new DatabaseSync(path)
  newer.exec('PRAGMA user_version = 99')
  newer.close()
  // Of a process that was killed.
  for (const end of ['-wal', '-shm']) writeFileSync(`${path}${end}`, 'left')
  t.throws(() => openDatabase(path))
  await restoreDatabase(dataDir)
  t.same(names(), ['hoist.db'])
  t.equal(word(), 'before')
  word('later')
  await restoreDatabase(dataDir)
  t.equal(word(), 'later', 'a second time does nothing')
})

t.test('what stands in the log only is kept too', async t => {
  const { dataDir, path, word } = ground(t)
  const sqlite = new DatabaseSync(path)
  sqlite.exec("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; UPDATE word SET text = 'in the log'")
  // As a power cut leaves them: the copies are made while the log is not played in.
  const cut = join(dataDir, 'cut')
  mkdirSync(cut)
  for (const end of ['', '-wal']) copyFileSync(`${path}${end}`, join(cut, `hoist.db${end}`))
  sqlite.close()
  t.ok(statSync(join(cut, 'hoist.db-wal')).size > 0)
  await keepDatabase(cut)
  t.same(
    readdirSync(cut).filter(name => name.startsWith('before')),
    ['before-upgrade.db'],
  )
  await restoreDatabase(cut)
  const restored = new DatabaseSync(join(cut, 'hoist.db'))
  t.equal(restored.prepare('SELECT text FROM word').get()?.text, 'in the log')
  restored.close()
  t.equal(word(), 'in the log')
})

t.test('a log that cannot be played into the copy is no copy: nothing is kept without it', async t => {
  const { dataDir, path } = ground(t)
  const sqlite = new DatabaseSync(path)
  sqlite.exec(
    `PRAGMA journal_mode = WAL; INSERT INTO word VALUES (hex(zeroblob(${2 ** 20}))); PRAGMA wal_checkpoint(TRUNCATE)`,
  )
  sqlite.exec(`PRAGMA wal_autocheckpoint = 0; INSERT INTO word VALUES (hex(zeroblob(${2 ** 19})))`)
  const cut = join(dataDir, 'cut')
  mkdirSync(cut)
  for (const end of ['', '-wal']) copyFileSync(`${path}${end}`, join(cut, `hoist.db${end}`))
  sqlite.close()
  // Both fit as they are, and the database does not with what is in the log.
  const sizes = ['', '-wal'].map(end => statSync(join(cut, `hoist.db${end}`)).size)
  const limitBytes = Math.max(...sizes) + 2 ** 19
  t.ok(statSync(path).size > limitBytes)
  const keep = `
    import { keepDatabase } from '${import.meta.resolve('../../appliance/upgrade/database-copy.ts')}'
    // Who does not listen is killed by it.
    process.on('SIGXFSZ', () => undefined)
    await keepDatabase(process.argv[1]).catch(({ code, message }) => process.stdout.write(JSON.stringify({ code, message })))`
  const limited = [`--fsize=${limitBytes}`, process.execPath, '--input-type=module', '-e', keep, cut]
  const said = execFileSync('prlimit', limited, { encoding: 'utf8' })
  t.match(JSON.parse(said), { code: 'STORE_UNAVAILABLE', message: /lacks \d{6,} bytes of the database's log/ })
  t.same(
    readdirSync(cut).filter(name => name.startsWith('before')),
    [],
  )
  await keepDatabase(cut)
  await restoreDatabase(cut)
  const restored = new DatabaseSync(join(cut, 'hoist.db'))
  t.equal(restored.prepare('SELECT count(*) AS words FROM word').get()?.words, 3, 'and it is kept where it can grow')
  restored.close()
})

t.test('while the service runs, nothing is kept or put back', async t => {
  const { dataDir, path, names } = ground(t)
  await keepDatabase(dataDir)
  const running = openDatabase(path)
  t.teardown(() => running.close())
  await t.rejects(keepDatabase(dataDir), { code: 'STORE_LOCKED' })
  await t.rejects(restoreDatabase(dataDir), { code: 'STORE_LOCKED' })
  t.ok(names().includes('before-upgrade.db'))
})

t.test('a damaged database is not kept, and one of a newer release is not taken for one of this', async t => {
  const { dataDir, path, names } = ground(t)
  const sqlite = new DatabaseSync(path)
  sqlite.exec('PRAGMA user_version = 99')
  sqlite.close()
  await t.rejects(keepDatabase(dataDir), { code: 'STORE_NEWER' })
  writeFileSync(path, 'no database'.repeat(1000))
  await t.rejects(keepDatabase(dataDir), { code: 'STORE_DAMAGED' })
  t.same(names(), ['hoist.db'])
})

t.test('a copy that cannot be migrated is thrown away, and the database is as it was', async t => {
  const { dataDir, word, names } = ground(t)
  await keepDatabase(dataDir)
  const kept = new DatabaseSync(join(dataDir, 'before-upgrade.db'))
  kept.exec('PRAGMA user_version = 99')
  kept.close()
  await t.rejects(tryMigration(dataDir), { code: 'STORE_NEWER' })
  t.same(names(), ['before-upgrade.db', 'hoist.db'])
  t.equal(word(), 'before')
})

t.test('what killed steps left is dropped', async t => {
  const { dataDir, names } = ground(t)
  for (const name of [
    'before-upgrade.db',
    'before-upgrade.db.new',
    'before-upgrade.db.new-wal',
    'upgrade-trial.db',
    'upgrade-trial.db-shm',
  ])
    writeFileSync(join(dataDir, name), 'left')
  await dropKeptDatabase(dataDir)
  t.same(names(), ['hoist.db'])
  t.ok(existsSync(join(dataDir, 'hoist.db')))
})

/** As a service that was broken into may leave it: not to be removed by a path, nor by whoever has no rights in it. */
function trap(path: string): void {
  const part = 'd'.repeat(200)
  for (let depth = 0; depth < 40; depth++) {
    mkdirSync(`${path}.next`)
    if (depth > 0) renameSync(path, join(`${path}.next`, part))
    renameSync(`${path}.next`, path)
  }
}

t.test('directories in the way of an upgrade go, or make way', async t => {
  const { dataDir, word, names } = ground(t)
  for (const name of ['before-upgrade.db', 'before-upgrade.db.new-wal', 'upgrade-trial.db', 'upgrade-trial.db-shm'])
    mkdirSync(join(dataDir, name, 'full'), { recursive: true })
  await dropKeptDatabase(dataDir)
  t.same(names(), ['hoist.db'])
  for (const name of ['before-upgrade.db', 'before-upgrade.db.new', 'upgrade-trial.db']) trap(join(dataDir, name))
  await keepDatabase(dataDir)
  await tryMigration(dataDir)
  word('after')
  trap(join(dataDir, 'hoist.db-wal'))
  mkdirSync(join(dataDir, 'hoist.db-shm/full'), { recursive: true })
  await restoreDatabase(dataDir)
  t.equal(word(), 'before')
  await dropKeptDatabase(dataDir)
  const left = names().filter(name => name !== 'hoist.db')
  t.ok(left.length > 0 && left.every(name => /\.aside-[0-9a-f]{12}$/.test(name)), `${left}`)
  for (const name of left) execFileSync('rm', ['-rf', '--', join(dataDir, name)])
})

t.test(
  'a directory in the place of the database is replaced, and one in that of what was kept is nothing to put back',
  async t => {
    const { dataDir, path, word } = ground(t)
    await keepDatabase(dataDir)
    rmSync(path)
    mkdirSync(join(path, 'full'), { recursive: true })
    await restoreDatabase(dataDir)
    t.equal(word(), 'before')
    mkdirSync(join(dataDir, 'before-upgrade.db/full'), { recursive: true })
    await restoreDatabase(dataDir)
    t.equal(word(), 'before')
  },
)
