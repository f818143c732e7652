// What SQLite's result codes become, and a disk without room: nothing stored is lost, and it goes on when there is room again.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { openDatabase } from '../../appliance/store/database.ts'
import { databaseError, freeBytes, isSqliteError, isUniqueBreach } from '../../appliance/store/sqlite-errors.ts'

const coded = (errcode: number) => Object.assign(new Error('said'), { errcode })

t.test('each result code gets its name', async t => {
  for (const [errcode, code] of [
    [5, 'STORE_LOCKED'],
    [261, 'STORE_LOCKED'],
    [11, 'STORE_DAMAGED'],
    [267, 'STORE_DAMAGED'],
    [26, 'STORE_DAMAGED'],
    [522, 'STORE_DAMAGED'],
    [8458, 'STORE_DAMAGED'],
    [13, 'STORE_UNAVAILABLE'],
    [10, 'STORE_UNAVAILABLE'],
    [778, 'STORE_UNAVAILABLE'],
    [1, 'STORE_UNAVAILABLE'],
  ] as const)
    t.match(databaseError(coded(errcode), '/data/hoist.db'), { code, message: /\/data\/hoist\.db/, cause: { errcode } })
  t.match(databaseError(new Error('EACCES'), '/data/hoist.db'), { code: 'STORE_UNAVAILABLE', message: /EACCES/ })
  t.match(databaseError('text', '/data/hoist.db'), { code: 'STORE_UNAVAILABLE', message: /text/ })
})

t.test('breaches of uniqueness are told apart from other errors of SQLite', async t => {
  const sqlite = new DatabaseSync(':memory:')
  sqlite.exec('CREATE TABLE a (id TEXT PRIMARY KEY, name TEXT UNIQUE) STRICT')
  const error = (text: string): unknown => {
    try {
      sqlite.exec(text)
    } catch (thrown) {
      return thrown
    }
    return undefined
  }
  sqlite.exec("INSERT INTO a VALUES ('1', 'x')")
  t.ok(isUniqueBreach(error("INSERT INTO a VALUES ('1', 'y')")))
  t.ok(isUniqueBreach(error("INSERT INTO a VALUES ('2', 'x')")))
  t.notOk(isUniqueBreach(error('SELECT nothing')))
  t.ok(isSqliteError(error('SELECT nothing')))
  t.notOk(isSqliteError(new Error('other')))
  t.notOk(isUniqueBreach(new Error('other')))
})

t.test('the hint names the directory and its free space', async t => {
  const directory = t.testdir()
  const { hint } = databaseError(coded(13), join(directory, 'hoist.db'))
  t.match(hint, new RegExp(`${directory}.*\\d+ MiB free`))
  t.ok((freeBytes(directory) ?? 0) > 0)
  t.equal(freeBytes(join(directory, 'none')), undefined)
  t.notMatch(databaseError(coded(13), join(directory, 'none', 'hoist.db')).hint, /MiB/)
})

t.test('a database that may not grow refuses by name and keeps what it has', async t => {
  const database = openDatabase(join(t.testdir(), 'hoist.db'))
  t.teardown(() => database.close())
  const add = (name: string, bytes: number) =>
    database.write(sql => sql.run('INSERT INTO settings VALUES (?, ?)', name, JSON.stringify('x'.repeat(bytes))))
  const count = () => Number(database.read(sql => sql.get('SELECT count(*) AS n FROM settings'))?.n)
  add('before', 100)
  const pages = Number(database.read(sql => sql.get('PRAGMA page_count'))?.page_count)
  database.read(sql => sql.get(`PRAGMA max_page_count = ${pages + 10}`))
  t.throws(() => add('large', 200_000), { code: 'STORE_UNAVAILABLE', message: /full/, hint: /MiB free/ })
  t.equal(count(), 1)
  add('small', 100)
  database.read(sql => sql.get('PRAGMA max_page_count = 4294967294'))
  add('large', 200_000)
  t.equal(count(), 3)
})

const script = new URL('./full-disk.ts', import.meta.url).pathname
t.test('the script fills no file system but one of its own', async t => {
  for (const args of [[], [t.testdir()]]) {
    const run = spawnSync(process.execPath, [script, ...args], { encoding: 'utf8', cwd: t.testdirName })
    t.not(run.status, 0)
    t.match(run.stderr, /file system/)
  }
  t.strictSame(readdirSync(t.testdirName), [])
})

const canMount = spawnSync('unshare', ['-Urm', 'true']).status === 0

t.test(
  'on a full file system writes are refused by name, a backup leaves nothing, and all goes on when there is room',
  { skip: canMount ? false : 'no user namespaces here', timeout: 60_000 },
  async t => {
    const directory = t.testdir()
    const mounted = `mount -t tmpfs -o size=2m none "$1" && exec "$2" "$3" "$1"`
    const run = spawnSync('unshare', ['-Urm', 'sh', '-c', mounted, 'sh', directory, process.execPath, script], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH },
    })
    t.equal(run.status, 0, run.stderr)
    const seen = JSON.parse(run.stdout)
    t.match(seen, {
      refused: { code: 'STORE_UNAVAILABLE', hint: /: 0 MiB free|has 0 MiB free/ },
      backup: { code: 'STORE_UNAVAILABLE' },
      copy: { code: 'STORE_UNAVAILABLE' },
      upgrade: { code: 'STORE_UNAVAILABLE' },
      progress: { code: 'STORE_UNAVAILABLE' },
      integrity: 'ok',
    })
    t.ok(seen.stored > 0)
    t.equal(seen.stillThere, seen.stored, 'what was acknowledged is there')
    t.equal(seen.afterwards, seen.stored + 1, 'and there is room again')
    t.equal(seen.reopened, seen.stored + 1)
    t.strictSame(seen.left, [], 'no half copy')
  },
)
