// What is found in a damaged database file, and what is not taken for damage.
import {
  closeSync,
  copyFileSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { findDamage, isWalDamaged } from '../../appliance/store/check-database.ts'

/** A database with a table of documents and one without, and its log still beside it. */
function make(path: string): DatabaseSync {
  const sqlite = new DatabaseSync(path)
  sqlite.exec('PRAGMA journal_mode = WAL; CREATE TABLE "odd ""name" (document TEXT) STRICT; CREATE TABLE plain (a)')
  const insert = sqlite.prepare('INSERT INTO "odd ""name" VALUES (?)')
  for (let i = 0; i < 200; i++) insert.run(JSON.stringify({ i, pad: 'x'.repeat(1000) }))
  sqlite.exec("INSERT INTO plain VALUES ('no json')")
  return sqlite
}

t.test('a whole database has no findings', async t => {
  const sqlite = make(join(t.testdir(), 'a.db'))
  t.strictSame(findDamage(sqlite), [])
  sqlite.close()
})

t.test('documents that are none are counted by table', async t => {
  const sqlite = make(join(t.testdir(), 'a.db'))
  sqlite.exec(`UPDATE "odd ""name" SET document = '{' WHERE rowid IN (3, 5)`)
  t.match(findDamage(sqlite), [/^2 documents of the table "odd ""name"/])
  sqlite.close()
})

t.test('overwritten pages and a shortened file are found, in words or by an error', async t => {
  const directory = t.testdir()
  const path = join(directory, 'a.db')
  make(path).close()
  const size = statSync(path).size
  const damages: [string, (file: string) => void][] = [
    ['garbage in the middle', file => overwrite(file, size >> 1, Buffer.alloc(4096, 0xa5))],
    ['zeros in the middle', file => overwrite(file, size >> 1, Buffer.alloc(4096))],
    ['half of it', file => truncateSync(file, size >> 1)],
    ['an odd end', file => truncateSync(file, size - 1000)],
    ['garbage at its head', file => overwrite(file, 0, Buffer.alloc(100, 0x5a))],
  ]
  for (const [name, damage] of damages) {
    const file = join(directory, `${name.replaceAll(' ', '-')}.db`)
    copyFileSync(path, file)
    damage(file)
    let found: unknown
    try {
      const sqlite = new DatabaseSync(file)
      try {
        found = findDamage(sqlite)
      } finally {
        sqlite.close()
      }
    } catch (thrown) {
      found = [String(thrown)]
    }
    t.ok((found as string[]).length > 0, `${name}: ${String(found).slice(0, 90)}`)
    t.ok((found as string[]).length <= 5)
  }
})

t.test('the head of a log is told from garbage, in both byte orders of its checksums', async t => {
  const directory = t.testdir()
  const path = join(directory, 'a.db')
  t.notOk(isWalDamaged(path), 'there is none')
  const sqlite = make(path)
  t.teardown(() => sqlite.close())
  const log = readFileSync(`${path}-wal`)
  t.ok(log.length > 32)
  const other = join(directory, 'b.db')
  const damagedWith = (content: Buffer) => {
    writeFileSync(`${other}-wal`, content)
    return isWalDamaged(other)
  }
  t.notOk(damagedWith(log))
  t.notOk(damagedWith(Buffer.alloc(0)))
  t.notOk(damagedWith(log.subarray(0, 31)), 'a log that was just begun')
  t.notOk(damagedWith(Buffer.alloc(8192)), 'a power cut left zeros')
  t.notOk(
    damagedWith(log.subarray(0, log.length - 100)),
    'what is torn behind the head ends at the last whole transaction',
  )
  for (let offset = 0; offset < 32; offset++) {
    const copy = Buffer.from(log)
    copy.writeUInt8((copy[offset] ?? 0) ^ 0x40, offset)
    t.ok(damagedWith(copy), `byte ${offset}`)
  }
  const swapped = Buffer.from(log.subarray(0, 32))
  swapped.writeUInt32BE(swapped.readUInt32BE(0) ^ 1, 0)
  let [first, second] = [0, 0]
  const bigEndian = (swapped.readUInt32BE(0) & 1) === 1
  const word = (offset: number) => (bigEndian ? swapped.readUInt32BE(offset) : swapped.readUInt32LE(offset))
  for (let offset = 0; offset < 24; offset += 8) {
    first = (first + word(offset) + second) >>> 0
    second = (second + word(offset + 4) + first) >>> 0
  }
  swapped.writeUInt32BE(first, 24)
  swapped.writeUInt32BE(second, 28)
  t.notOk(damagedWith(swapped), 'made on a machine of the other byte order')
  t.throws(() => isWalDamaged(join(path, 'below')), { code: 'ENOTDIR' })
})

function overwrite(path: string, offset: number, bytes: Buffer): void {
  const file = openSync(path, 'r+')
  writeSync(file, bytes, 0, bytes.length, Math.floor(offset / 4096) * 4096)
  closeSync(file)
}
