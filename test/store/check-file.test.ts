// Checking a copy on a thread of its own.
import { mkdirSync, readdirSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { checkFile } from '../../appliance/store/check-file.ts'

t.test('a copy in WAL mode is read without a file beside it, and damage is found', async t => {
  const directory = join(t.testdir(), 'copies')
  mkdirSync(directory)
  const path = join(directory, 'a.db')
  const sqlite = new DatabaseSync(path)
  sqlite.exec('PRAGMA journal_mode = WAL; CREATE TABLE a (document TEXT)')
  for (let i = 0; i < 50; i++) sqlite.prepare('INSERT INTO a VALUES (?)').run(JSON.stringify('x'.repeat(1000)))
  sqlite.close()
  t.strictSame(await checkFile(path), [])
  t.strictSame(readdirSync(directory), ['a.db'])
  truncateSync(path, 8192)
  t.ok((await checkFile(path)).length > 0)
  t.strictSame(readdirSync(directory), ['a.db'])
})
