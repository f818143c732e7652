// The process for one step of the database.
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { openDatabase } from '../appliance/store/database.ts'
import { upgradeDatabase } from '../appliance/upgrade-database.ts'

const source = join(import.meta.dirname, '../appliance/upgrade-database.ts')
const run = (...args: string[]) => promisify(execFile)(process.execPath, [source, ...args])

t.test('each step does its part, as a process', async t => {
  const dataDir = t.testdir()
  openDatabase(join(dataDir, 'hoist.db')).close()
  const kept = () => readdirSync(dataDir).includes('before-upgrade.db')
  await run('keep', dataDir)
  t.ok(kept())
  await upgradeDatabase(['try-migration', dataDir])
  t.ok(kept())
  await upgradeDatabase(['restore', dataDir])
  t.notOk(kept())
  await upgradeDatabase(['keep', dataDir])
  await upgradeDatabase(['drop-kept', dataDir])
  t.notOk(kept())
})

t.test('a step that fails says why in one line, for the administrator', async t => {
  const dataDir = t.testdir({ 'hoist.db': 'no database'.repeat(1000) })
  const error = await run('keep', dataDir).catch((thrown: { code: number; stderr: string }) => thrown)
  t.match(error, { code: 1, stderr: /^The database .* is damaged\. .*\n$/ })
})

t.test('what is no step is refused', async t => {
  for (const args of [[], ['keep'], ['drop', '/'], ['toString', '/'], ['keep', '/', 'more']])
    await t.rejects(upgradeDatabase(args), { code: 'INVALID_REQUEST', hint: /keep\|try-migration/ })
})
