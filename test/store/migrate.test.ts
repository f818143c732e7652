// Bringing a schema up to date, and refusing one from the future.
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { type Migration, migrate, migrations } from '../../appliance/store/migrate.ts'

const version = (sqlite: DatabaseSync) => sqlite.prepare('PRAGMA user_version').get()?.user_version

function step(number: number, done: number[]): Migration {
  return {
    version: number,
    up: sqlite => {
      done.push(number)
      sqlite.exec(`CREATE TABLE t${number} (a)`)
    },
  }
}

t.test('the migrations are numbered from 1 without gaps', async t => {
  t.strictSame(
    migrations.map(migration => migration.version),
    migrations.map((_, index) => index + 1),
  )
})

t.test('only the missing steps run, in order', async t => {
  const sqlite = new DatabaseSync(':memory:')
  const done: number[] = []
  const steps = [step(1, done), step(2, done), step(3, done)]
  migrate(sqlite, 'x', undefined, steps.slice(0, 1))
  migrate(sqlite, 'x', undefined, steps)
  migrate(sqlite, 'x', undefined, steps)
  t.strictSame(done, [1, 2, 3])
  t.equal(version(sqlite), 3)
})

t.test('a step that fails leaves the schema of the step before, to be tried again', async t => {
  const sqlite = new DatabaseSync(':memory:')
  const done: number[] = []
  const broken: Migration = {
    version: 2,
    up: db => {
      db.exec('CREATE TABLE half (a)')
      db.exec('no sql')
    },
  }
  t.throws(() => migrate(sqlite, 'x', undefined, [step(1, done), broken]), /syntax error/)
  t.equal(version(sqlite), 1)
  t.equal(sqlite.prepare("SELECT name FROM sqlite_master WHERE name = 'half'").get(), undefined)
  migrate(sqlite, 'x', undefined, [step(1, done), step(2, done)])
  t.equal(version(sqlite), 2)
})

t.test('a schema of a newer appliance is refused and left alone', async t => {
  const sqlite = new DatabaseSync(':memory:')
  sqlite.exec('PRAGMA user_version = 99')
  t.throws(() => migrate(sqlite, '/data/hoist.db'), { code: 'STORE_NEWER', message: /hoist\.db has schema 99/ })
  t.equal(version(sqlite), 99)
  t.strictSame(sqlite.prepare('SELECT name FROM sqlite_master').all(), [])
})

t.test('before an upgrade, and only then, the database can be copied aside', async t => {
  const path = join(t.testdir(), 'aside.db')
  const sqlite = new DatabaseSync(':memory:')
  const done: number[] = []
  const asked: number[] = []
  const beforeUpgrade = (schema: number, copyTo: (path: string) => void) => {
    asked.push(schema)
    copyTo(path)
  }
  migrate(sqlite, 'x', beforeUpgrade, [step(1, done)])
  migrate(sqlite, 'x', beforeUpgrade, [step(1, done)])
  t.strictSame(asked, [], 'a new database has nothing to lose')
  migrate(sqlite, 'x', beforeUpgrade, [step(1, done), step(2, done), step(3, done)])
  t.strictSame(asked, [1])
  const copy = new DatabaseSync(path, { readOnly: true })
  t.teardown(() => copy.close())
  t.equal(version(copy), 1)
  t.equal(copy.prepare("SELECT name FROM sqlite_master WHERE name = 't2'").get(), undefined)
})
