// The database under the repositories: opening, refusing, transactions, and what a killed process leaves.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { openSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { openDatabase, parseDocument, refuseIfOpenElsewhere } from '../../appliance/store/database.ts'
import { isUniqueBreach } from '../../appliance/store/sqlite-errors.ts'
import { seeded } from './samples.ts'

const insert = 'INSERT INTO settings (name, document) VALUES (?, ?)'

t.test('a new database is private, in WAL mode, fully synchronous and enforces foreign keys', async t => {
  const path = join(t.testdir(), 'hoist.db')
  const database = openDatabase(path)
  t.teardown(() => database.close())
  t.equal(statSync(path).mode & 0o777, 0o600)
  database.write(sql => sql.run(insert, 'a', '1'))
  t.equal(statSync(`${path}-wal`).mode & 0o777, 0o600)
  const pragma = (name: string) => database.read(sql => Object.values(sql.get(`PRAGMA ${name}`) ?? {})[0])
  t.equal(pragma('journal_mode'), 'wal')
  t.equal(pragma('synchronous'), 2)
  t.equal(pragma('foreign_keys'), 1)
  t.throws(() => database.write(sql => sql.run("INSERT INTO run_disks VALUES ('none', 1, 0, '{}')")), {
    code: 'STORE_UNAVAILABLE',
    cause: { message: /FOREIGN KEY/ },
  })
})

t.test('what was written is there after a reopening', async t => {
  const path = join(t.testdir(), 'hoist.db')
  const first = openDatabase(path)
  first.write(sql => sql.run(insert, 'a', '1'))
  first.writeProgress(sql => sql.run(insert, 'b', '2'))
  t.equal(
    first.read(sql => sql.get('PRAGMA synchronous'))?.synchronous,
    2,
    'progress leaves the next write fully synchronous',
  )
  first.close()
  const second = openDatabase(path)
  t.teardown(() => second.close())
  t.strictSame(
    second.read(sql => sql.all('SELECT name FROM settings ORDER BY name')).map(row => row.name),
    ['a', 'b'],
  )
})

t.test('a transaction that throws leaves nothing, and the next one works', async t => {
  const database = openDatabase(join(t.testdir(), 'hoist.db'))
  t.teardown(() => database.close())
  const reason = new Error('no')
  t.throws(
    () =>
      database.write(sql => {
        sql.run(insert, 'a', '1')
        throw reason
      }),
    reason,
  )
  t.equal(database.read(sql => sql.get('SELECT count(*) AS n FROM settings'))?.n, 0)
  database.write(sql => sql.run(insert, 'a', '1'))
  try {
    database.write(sql => sql.run(insert, 'a', '2'))
    t.fail('a breach of uniqueness throws')
  } catch (thrown) {
    t.ok(isUniqueBreach(thrown), 'a breach of uniqueness stays for the repository to name')
  }
  t.notOk(isUniqueBreach(new Error('other')))
  t.throws(() => database.read(sql => sql.get('SELECT nothing')), { code: 'STORE_UNAVAILABLE' })
})

t.test('the rows of each transaction are reported', async t => {
  const rows: number[] = []
  const database = openDatabase(join(t.testdir(), 'hoist.db'), { onTransaction: count => rows.push(count) })
  t.teardown(() => database.close())
  database.write(sql => {
    sql.run(insert, 'a', '1')
    sql.run(insert, 'b', '2')
  })
  database.write(sql => sql.run('DELETE FROM settings'))
  database.write(sql => sql.get('SELECT 1'))
  t.strictSame(rows, [2, 2, 0])
})

t.test('a second opener of the same database is refused by name', { timeout: 20_000 }, async t => {
  const path = join(t.testdir(), 'hoist.db')
  const first = openDatabase(path)
  t.throws(() => openDatabase(path), { code: 'STORE_LOCKED', hint: /HOIST_DATA_DIR/ })
  first.close()
  openDatabase(path).close()
})

t.test('a file that is no database, and one with damaged pages, are refused by name', async t => {
  const path = join(t.testdir({ 'text.db': 'This is a text, and a rather long one. '.repeat(200) }), 'text.db')
  t.throws(() => openDatabase(path), { code: 'STORE_DAMAGED', hint: /backup/ })

  const damaged = join(t.testdirName, 'damaged.db')
  const database = openDatabase(damaged)
  database.write(sql => {
    for (let i = 0; i < 500; i++) sql.run(insert, `name-${i}`, 'x'.repeat(500))
  })
  database.close()
  const size = statSync(damaged).size
  const file = openSync(damaged, 'r+')
  // The pages after the schema's own, where the rows are.
  for (let offset = Math.floor(size / 2 / 4096) * 4096; offset < size; offset += 4096)
    writeSync(file, Buffer.alloc(2048, 0xa5), 0, 2048, offset)
  t.throws(() => openDatabase(damaged), { code: 'STORE_DAMAGED' })
})

t.test(
  'random damage never opens silently with other rows: it is refused, or every row still reads as written',
  async t => {
    const directory = t.testdir()
    const path = join(directory, 'good.db')
    const good = openDatabase(path)
    good.write(sql => {
      for (let i = 0; i < 300; i++)
        sql.run(insert, `name-${String(i).padStart(3, '0')}`, JSON.stringify({ i, pad: 'p'.repeat(400) }))
    })
    good.close()
    const bytes = readFileSync(path)
    const seed = 20260301
    const chance = seeded(seed)
    let refused = 0
    for (let trial = 0; trial < 40; trial++) {
      const copy = Buffer.from(bytes)
      // Structure is what a check can find: the header of a page, from the second page on.
      const page = 1 + chance(copy.length / 4096 - 1)
      copy.writeUInt32BE(chance(2 ** 32), page * 4096)
      copy.writeUInt32BE(chance(2 ** 32), page * 4096 + 4)
      const trialPath = join(directory, `trial-${trial}.db`)
      writeFileSync(trialPath, copy)
      try {
        const database = openDatabase(trialPath)
        const rows = database.read(sql => sql.all('SELECT name, document FROM settings ORDER BY name'))
        database.close()
        const intact =
          rows.length === 300 && rows.every((row, i) => parseDocument<{ i: number }>(row.document, 'row').i === i)
        if (!intact) t.fail(`seed ${seed}, trial ${trial}: opened with other rows`)
      } catch (thrown) {
        t.match(thrown, { code: /^STORE_(DAMAGED|UNAVAILABLE)$/ }, `seed ${seed}, trial ${trial}`)
        refused++
      }
    }
    t.ok(refused > 20, `${refused} of 40 damages were found`)
  },
)

t.test('a directory that cannot hold a database is named', async t => {
  t.throws(() => openDatabase(join(t.testdir(), 'none', 'hoist.db')), {
    code: 'STORE_UNAVAILABLE',
    hint: /data directory/,
  })
})

t.test('a document that is no JSON is named', async t => {
  t.strictSame(parseDocument('{"a":1}', 'thing'), { a: 1 })
  t.throws(() => parseDocument('{"a":', 'thing'), { code: 'STORE_DAMAGED', message: /thing/ })
  t.throws(() => parseDocument(undefined, 'thing'), { code: 'STORE_DAMAGED' })
})

t.test('kill -9 amid writes leaves every acknowledged row and no half transaction', { timeout: 60_000 }, async t => {
  const seed = 4711
  const chance = seeded(seed)
  const directory = t.testdir({ 'writer.ts': '' })
  const path = join(directory, 'hoist.db')
  const script = join(directory, 'writer.ts')
  const module = new URL('../../appliance/store/database.ts', import.meta.url).href
  writeFileSync(
    script,
    `import { writeSync } from 'node:fs'
     const { openDatabase } = await import(${JSON.stringify(module)})
     const database = openDatabase(process.argv[2])
     for (let i = Number(process.argv[3]); ; i++) {
       database.write(sql => {
         sql.run('INSERT INTO settings (name, document) VALUES (?, ?)', 'left-' + i, JSON.stringify('x'.repeat(3000)))
         sql.run('INSERT INTO settings (name, document) VALUES (?, ?)', 'right-' + i, JSON.stringify('x'.repeat(3000)))
       })
       writeSync(1, i + '\\n')
     }`,
  )
  let begin = 0
  for (let round = 0; round < 4; round++) {
    const child = spawn(process.execPath, [script, path, String(begin)], { stdio: ['ignore', 'pipe', 'inherit'] })
    const killAt = begin + 5 + chance(40)
    let acknowledged = begin - 1
    for await (const line of createInterface(child.stdout)) {
      acknowledged = Number(line)
      if (acknowledged === killAt) child.kill('SIGKILL')
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    const database = openDatabase(path)
    const count = (side: string) =>
      Number(database.read(sql => sql.get('SELECT count(*) AS n FROM settings WHERE name LIKE ?', `${side}-%`))?.n)
    t.ok(acknowledged >= killAt, 'the child wrote until it was killed')
    t.ok(count('left') >= acknowledged + 1, `seed ${seed}, round ${round}: every acknowledged row is there`)
    t.equal(count('left'), count('right'), `seed ${seed}, round ${round}: no half transaction`)
    begin = count('left')
    database.close()
  }
})

t.test('a plain SQLite reader accepts the file', async t => {
  const path = join(t.testdir(), 'hoist.db')
  const database = openDatabase(path)
  database.write(sql => sql.run(insert, 'a', '1'))
  database.close()
  const plain = new DatabaseSync(path, { readOnly: true })
  t.teardown(() => plain.close())
  t.equal(plain.prepare('PRAGMA integrity_check').get()?.integrity_check, 'ok')
  t.equal(plain.prepare('SELECT document FROM settings').get()?.document, '1')
})

t.test('a document that is none is found at the next opening', async t => {
  const path = join(t.testdir(), 'hoist.db')
  const database = openDatabase(path)
  database.write(sql => sql.run(insert, 'a', '{"half":'))
  database.close()
  t.throws(() => openDatabase(path), { code: 'STORE_DAMAGED', cause: { message: /1 documents.*settings/ } })
})

t.test('a log with a head that SQLite did not write is refused instead of taken for an empty one', async t => {
  const path = join(t.testdir(), 'hoist.db')
  openDatabase(path).close()
  writeFileSync(`${path}-wal`, Buffer.alloc(8192, 0x5a))
  t.throws(() => openDatabase(path), { code: 'STORE_DAMAGED', cause: { message: /write-ahead log/ } })
  writeFileSync(`${path}-wal`, Buffer.alloc(8192))
  openDatabase(path).close()
})

t.test('a page that turns out to be damaged later is named, too', async t => {
  const path = join(t.testdir(), 'hoist.db')
  const first = openDatabase(path)
  first.write(sql => {
    for (let i = 0; i < 2000; i++) sql.run(insert, `name-${i}`, JSON.stringify('x'.repeat(900)))
  })
  first.close()
  const database = openDatabase(path)
  t.teardown(() => database.close())
  // Its cache is not large enough for all of them.
  database.read(sql => sql.get('PRAGMA cache_size = 1'))
  const file = openSync(path, 'r+')
  for (let offset = 40 * 4096; offset < statSync(path).size; offset += 4096)
    writeSync(file, Buffer.alloc(4096, 0xa5), 0, 4096, offset)
  // Not closed: that would drop the lock that this process holds.
  t.throws(() => database.read(sql => sql.all('SELECT document FROM settings')), { code: 'STORE_DAMAGED' })
  t.throws(() => database.write(sql => sql.run('DELETE FROM settings')), { code: 'STORE_DAMAGED' })
})

t.test('looking whether a database is open elsewhere tells of nothing else', async t => {
  const directory = t.testdir({ 'text.db': 'no database'.repeat(999) })
  refuseIfOpenElsewhere(join(directory, 'none.db'))
  refuseIfOpenElsewhere(join(directory, 'text.db'))
  const path = join(directory, 'hoist.db')
  const database = openDatabase(path)
  t.throws(() => refuseIfOpenElsewhere(path), { code: 'STORE_LOCKED' })
  database.close()
  refuseIfOpenElsewhere(path)
})

t.test('a second look at a database that this process has open keeps its lock', async t => {
  const path = join(t.testdir(), 'hoist.db')
  const database = openDatabase(path)
  t.teardown(() => database.close())
  t.throws(() => openDatabase(path), { code: 'STORE_LOCKED' })
  const other = spawnSync(process.execPath, [
    '--input-type=module',
    '-e',
    `import { DatabaseSync } from 'node:sqlite'
     new DatabaseSync(process.argv[1], { timeout: 0 }).exec('BEGIN IMMEDIATE')`,
    path,
  ])
  t.match(other.stderr.toString(), /database is locked/)
})

t.test('a copy is whole while others write, and is given up when asked', async t => {
  const directory = t.testdir()
  const database = openDatabase(join(directory, 'hoist.db'))
  t.teardown(() => database.close())
  const add = (name: string) => database.write(sql => sql.run(insert, name, JSON.stringify('x'.repeat(2000))))
  for (let i = 0; i < 3000; i++)
    database.writeProgress(sql => sql.run(insert, `n-${i}`, JSON.stringify('x'.repeat(2000))))
  let turns = 0
  const writing = setInterval(() => add(`turn-${turns++}`), 1)
  await database.copyTo(join(directory, 'copy.db'))
  clearInterval(writing)
  t.ok(turns > 0, 'the event loop turned')
  const copy = openDatabase(join(directory, 'copy.db'))
  t.teardown(() => copy.close())
  t.ok(Number(copy.read(sql => sql.get('SELECT count(*) AS n FROM settings'))?.n) >= 3000)
  const reason = new Error('stop')
  const stop = new AbortController()
  const given = database.copyTo(join(directory, 'given-up.db'), stop.signal)
  stop.abort(reason)
  await t.rejects(given, reason)
  await t.rejects(database.copyTo(join(directory, 'given-up.db'), AbortSignal.abort(reason)), reason)
  await t.rejects(database.copyTo(join(directory, 'none', 'copy.db')), { code: 'STORE_UNAVAILABLE' })
})
