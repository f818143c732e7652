// Exported backups: what stands in the file, read by a program that is not ours.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { exportBackup } from '../../appliance/store/backup-export.ts'
import { readSecretsKey } from '../../appliance/store/secrets.ts'
import { openStore } from '../../appliance/store/store.ts'
import { ensureTools, tools } from '../lab/tools.ts'

const root = join(import.meta.dirname, '..', '..')
const passphrase = 'der Kräuterquark steht im Kühlschrank'
const shared = { passphrase, version: '1.2.3', now: new Date('2026-03-01T02:00:00Z') }

await ensureTools(['python'])

/** A new directory: `t.testdir` has one for each test only. */
function place(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'hoist-export-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** What another program finds in it. */
function readByPython(file: Buffer, directory: string, words = passphrase) {
  const path = join(directory, 'x.hoistbackup')
  const out = join(directory, 'out')
  writeFileSync(path, file)
  const text = execFileSync(tools.python, [join(root, 'docs', 'read-export.py'), path, out], {
    input: `${words}\n`,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  return { head: JSON.parse(text), read: (name: string) => readFileSync(join(out, name)) }
}

t.test('the program that opens exports says how it is used, and in words what it cannot open', async t => {
  const directory = place(t)
  const ask = (...args: string[]) =>
    spawnSync(tools.python, [join(root, 'docs', 'read-export.py'), ...args], { input: '', encoding: 'utf8' })
  t.match(ask(), { status: 2, stderr: /^usage: read-export\.py .*file directory/ })
  t.match(ask('--help'), { status: 0, stdout: /passphrase/ })
  const missing = join(directory, 'missing')
  t.match(ask(missing, join(directory, 'out')), { status: 1, stderr: `${missing}: No such file or directory\n` })
})

const bytesOf = async (content: AsyncIterable<Uint8Array>) => Buffer.concat(await Array.fromAsync(content))

t.test(
  'another program opens the export with the passphrase alone: database, key, and no secret outside of them',
  async t => {
    const dataDir = place(t)
    const store = await openStore(dataDir)
    await store.secrets.set('vcenter.password', 'opensesame-canary')
    const { name } = await store.backup()
    store.close()
    const path = join(dataDir, 'backups', name)
    const key = await readSecretsKey(dataDir, '')
    // With the cost that it has in earnest.
    const made = await exportBackup({ ...shared, kind: 'backup', name, path, key })
    t.equal(made.fileName, name.replace(/db$/, 'hoistbackup'))
    const file = await bytesOf(made.content)
    t.equal(file.length, made.sizeBytes)
    for (const known of [key ?? Buffer.alloc(0), Buffer.from('SQLite format 3'), Buffer.from('opensesame')])
      t.notOk(file.includes(known))
    const { head, read } = readByPython(file, place(t))
    t.strictSame(head, {
      ...{ format: 'hoist-export', version: 1, kind: 'backup', name },
      ...{ exportedAt: '2026-03-01T02:00:00.000Z', appliance: '1.2.3' },
      parts: [
        { name: 'secrets.key', sizeBytes: 32 },
        { name: 'hoist.db', sizeBytes: readFileSync(path).length },
      ],
    })
    t.ok(read('secrets.key').equals(key ?? Buffer.alloc(0)))
    t.ok(read('hoist.db').equals(readFileSync(path)))
    t.throws(() => readByPython(file, place(t), `${passphrase}!`), /Wrong passphrase/)
  },
)

t.test('a damaged database goes out as it is, with its log, and without a key where there is none', async t => {
  const directory = t.testdir({ 'hoist.db': 'damaged!', 'hoist.db-wal': 'what was written last', other: {} })
  const path = join(directory, 'hoist.db')
  const options = { ...shared, costLog2: 4, kind: 'damaged', name: 'hoist.db', path, key: undefined } as const
  const made = await exportBackup({ ...options, logPath: `${path}-wal` })
  const { head, read } = readByPython(await bytesOf(made.content), join(directory, 'other'))
  t.match(head, { kind: 'damaged', parts: [{ name: 'hoist.db' }, { name: 'hoist.db-wal' }] })
  t.equal(read('hoist.db').toString(), 'damaged!')
  t.equal(read('hoist.db-wal').toString(), 'what was written last')

  writeFileSync(`${path}-wal`, '')
  const alone = await exportBackup({ ...options, logPath: `${path}-wal` })
  const second = place(t)
  t.match(readByPython(await bytesOf(alone.content), second).head.parts, [{ name: 'hoist.db' }])
  await t.rejects(exportBackup({ ...options, path: join(directory, 'none.db') }), { code: 'NOT_FOUND' })
})

t.test('a file that becomes shorter while it is sent makes no whole export', async t => {
  const path = join(t.testdir({ 'hoist.db': 'x'.repeat(100_000) }), 'hoist.db')
  const options = { ...shared, costLog2: 4, kind: 'backup', name: 'a.db', path, key: undefined } as const
  const { content } = await exportBackup(options)
  truncateSync(path, 70_000)
  await t.rejects(bytesOf(content), { code: 'STORE_UNAVAILABLE', message: /shorter/ })
})

t.test('an export that nobody reads opens nothing', async t => {
  const path = join(place(t), 'hoist.db')
  new DatabaseSync(path).close()
  const { content } = await exportBackup({ ...shared, kind: 'backup', name: 'a.db', path, key: undefined })
  content.destroy()
  t.strictSame(await Array.fromAsync(content).catch(() => []), [])
})
