// Whether a database file is whole: SQLite's structure, the documents in it, and the head of its write-ahead log.
import { closeSync, openSync, readSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'

/** The first of them say enough; a shredded file has thousands. */
const findingsLimit = 5

/**
 * What is wrong with an open database, in SQLite's words; empty when nothing is. Reads every page: 1 to 2 s per GiB from
 * memory, and otherwise what the disk gives. The contents of a page carry no checksum, so that documents are looked at too.
 * @throws {Error} SQLite's own when the file is too damaged to be looked through
 */
export function findDamage(sqlite: DatabaseSync): string[] {
  const texts = sqlite
    .prepare(`PRAGMA quick_check(${findingsLimit})`)
    .all()
    .map(row => String(row.quick_check))
  if (texts.length !== 1 || texts[0] !== 'ok') return texts
  return tablesWithDocuments(sqlite).flatMap(table => {
    const broken = Number(sqlite.prepare(`SELECT count(*) AS n FROM ${table} WHERE NOT json_valid(document)`).get()?.n)
    return broken === 0 ? [] : [`${broken} documents of the table ${table} are not readable`]
  })
}

/** Of any version of the schema. */
function tablesWithDocuments(sqlite: DatabaseSync): string[] {
  return sqlite
    .prepare(
      `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
       AND EXISTS (SELECT 1 FROM pragma_table_info(sqlite_schema.name) AS field WHERE field.name = 'document') ORDER BY name`,
    )
    .all()
    .map(row => `"${String(row.name).replaceAll('"', '""')}"`)
}

/** https://www.sqlite.org/fileformat2.html#the_write_ahead_log: the last bit of the magic number tells the byte order of checksums. */
const walHeaderBytes = 32
const walMagic = 0x377f0682

/**
 * Whether the write-ahead log beside a database has a head that SQLite did not write. SQLite takes such a log for an empty
 * one and passes over all that was committed to it in silence. A log of zeros is one that a power cut left before its first
 * commit; what is torn behind the head ends at the last whole transaction, as it should.
 */
export function isWalDamaged(databasePath: string): boolean {
  const header = readHead(`${databasePath}-wal`)
  if (!header || header.every(byte => byte === 0)) return false
  const magic = header.readUInt32BE(0)
  if ((magic & 0xfffffffe) >>> 0 !== walMagic) return true
  const word = (offset: number) => ((magic & 1) === 1 ? header.readUInt32BE(offset) : header.readUInt32LE(offset))
  let first = 0
  let second = 0
  for (let offset = 0; offset < 24; offset += 8) {
    first = (first + word(offset) + second) >>> 0
    second = (second + word(offset + 4) + first) >>> 0
  }
  return header.readUInt32BE(24) !== first || header.readUInt32BE(28) !== second
}

/** Undefined when there is no log, or one that holds nothing. */
function readHead(path: string): Buffer | undefined {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined
    throw thrown
  }
  try {
    const header = Buffer.alloc(walHeaderBytes)
    return readSync(file, header, 0, walHeaderBytes, 0) === walHeaderBytes ? header : undefined
  } finally {
    closeSync(file)
  }
}
