// Exported backups on their way in: on to another machine with all secrets, and every wrong one refused with nothing changed.
import { createHmac, randomBytes, scryptSync } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { listBackups } from '../../appliance/store/backup.ts'
import { exportBackup, framed } from '../../appliance/store/backup-export.ts'
import { discardUpload, openUpload, receiveUpload } from '../../appliance/store/backup-import.ts'
import { restoreBackup } from '../../appliance/store/restore.ts'
import { seal } from '../../appliance/store/sealed-stream.ts'
import { openSecretsKey, readSecretsKey } from '../../appliance/store/secrets.ts'
import { openStore } from '../../appliance/store/store.ts'
import { sampleJob, seeded } from './samples.ts'

const passphrase = 'nineteen copper kettles'
const now = new Date('2026-03-02T03:04:05Z')
const imported = 'imported-20260302T030405Z.db'
const bytesOf = async (content: AsyncIterable<Uint8Array>) => Buffer.concat(await Array.fromAsync(content))

async function* from(...pieces: Buffer[]) {
  yield* pieces
}

/** A new directory: `t.testdir` has one for each test only. */
function place(t: Test): string {
  const path = mkdtempSync(join(tmpdir(), 'hoist-export-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** The export of an appliance with a job and a secret. */
async function exported(t: Test, change: (path: string) => void = () => undefined): Promise<Buffer> {
  const dataDir = place(t)
  const store = await openStore(dataDir)
  await store.secrets.set('vcenter.password', 'opensesame')
  await store.jobs.create(sampleJob(1))
  const account = { id: 'a', name: 'anna', role: 'administrator', createdAt: now.toISOString() } as const
  await store.accounts.create(account, 'hash')
  const { name } = await store.backup()
  store.close()
  const path = join(dataDir, 'backups', name)
  change(path)
  const key = await readSecretsKey(dataDir, '')
  const made = await exportBackup({ kind: 'backup', name, path, key, passphrase, version: '1', now, costLog2: 4 })
  return await bytesOf(made.content)
}

/** A machine with a key of its own. */
async function machine(t: Test, file?: Buffer) {
  const dataDir = place(t)
  const key = await openSecretsKey(dataDir, '')
  if (file) await receiveUpload(dataDir, from(file))
  return { dataDir, key, open: (words = passphrase) => openUpload(dataDir, { passphrase: words, key, now }) }
}

t.test(
  'another machine has jobs and secrets after the restore, under its own key, and nobody is signed in',
  async t => {
    const file = await exported(t, path => {
      const sqlite = new DatabaseSync(path)
      sqlite.exec("INSERT INTO sessions VALUES ('h', 'a', 1, 1)")
      sqlite.close()
    })
    const dataDir = place(t)
    const store = await openStore(dataDir)
    await store.jobs.create(sampleJob(7))
    store.close()
    const key = readFileSync(join(dataDir, 'secrets.key'))
    t.strictSame(await receiveUpload(dataDir, from(file.subarray(0, 100), file.subarray(100))), {
      sizeBytes: file.length,
    })
    const backup = await openUpload(dataDir, { passphrase, key, now })
    t.match(backup, { name: imported, takenAt: '2026-03-02T03:04:05.000Z' })
    t.match(await listBackups(dataDir), [backup])
    t.strictSame(readdirSync(join(dataDir, 'backups')), [imported], 'the upload is gone')
    t.equal(statSync(join(dataDir, 'backups', imported)).mode & 0o777, 0o600)

    await restoreBackup(dataDir, imported)
    t.ok(readFileSync(join(dataDir, 'secrets.key')).equals(key), 'the key of the machine is as it was')
    const restored = await openStore(dataDir)
    t.teardown(() => restored.close())
    t.equal(await restored.secrets.get('vcenter.password'), 'opensesame')
    t.same(
      (await restored.jobs.list({ limit: 10 })).items.map(({ id }) => id),
      ['job-1'],
    )
    const database = readFileSync(join(dataDir, 'backups', imported))
    t.notOk(database.includes('opensesame'))
    const sqlite = new DatabaseSync(join(dataDir, 'backups', imported), { readOnly: true })
    t.equal(sqlite.prepare('SELECT count(*) AS n FROM sessions').get()?.n, 0)
    sqlite.close()
  },
)

t.test('of imported ones the newest is kept, and the daily ones stay', async t => {
  const { dataDir, key, open } = await machine(t, await exported(t))
  writeFileSync(join(dataDir, 'backups', 'hoist-20260301T020000Z.db'), 'x')
  await open()
  await receiveUpload(dataDir, from(await exported(t)))
  await openUpload(dataDir, { passphrase, key, now: new Date('2026-03-03T00:00:00Z') })
  t.strictSame(readdirSync(join(dataDir, 'backups')).toSorted(), [
    'hoist-20260301T020000Z.db',
    'imported-20260303T000000Z.db',
  ])
})

t.test('a wrong passphrase costs nothing: the upload is there for the right one', async t => {
  const { dataDir, open } = await machine(t, await exported(t))
  await t.rejects(open('nineteen copper kettle'), { code: 'EXPORT_PASSPHRASE_WRONG' })
  t.strictSame(readdirSync(join(dataDir, 'backups')), ['upload.hoistbackup'])
  t.equal((await open()).name, imported)
  await t.rejects(open(), { code: 'NOT_FOUND' }, 'it is used up')
})

t.test('cut off anywhere or with any bit flipped, it leaves nothing among the backups', async t => {
  const whole = await exported(t)
  const { dataDir, open } = await machine(t)
  const random = seeded(11)
  const refused = async (file: Buffer, what: string) => {
    await receiveUpload(dataDir, from(file))
    await t.rejects(open(), { code: /^EXPORT_(UNKNOWN|PASSPHRASE_WRONG|DAMAGED)$/ }, what)
    t.strictSame(readdirSync(join(dataDir, 'backups')), ['upload.hoistbackup'], what)
  }
  for (let trial = 0; trial < 12; trial++) {
    const end = random(whole.length)
    await refused(whole.subarray(0, end), `${end} of ${whole.length} bytes, seed 11`)
    const flipped = Buffer.from(whole)
    const at = trial < 4 ? 16 + random(64) : random(whole.length)
    flipped[at] = (flipped[at] ?? 0) ^ (1 << random(8))
    if (at !== 10) await refused(flipped, `byte ${at}, seed 11`)
  }
  await refused(Buffer.concat([whole, Buffer.from('x')]), 'one byte more')
})

t.test('one that says other things than it holds is refused, however well it is sealed', async t => {
  const { dataDir, key, open } = await machine(t)
  const sqlite = readFileSync(join(await aBackup(t)))
  const head = (parts: object[], changes: object = {}) =>
    framed({
      ...{ format: 'hoist-export', version: 1, kind: 'backup', name: 'a.db', exportedAt: '', appliance: '1' },
      ...{ parts, ...changes },
    } as Parameters<typeof framed>[0])
  const own = { name: 'secrets.key', sizeBytes: 32 }
  const part = (sizeBytes: number) => ({ name: 'hoist.db', sizeBytes })
  const wrong: [string, Buffer[], RegExp][] = [
    ['less than it says', [head([own, part(1e12)]), key, sqlite], /DAMAGED/],
    ['more than it says', [head([own, part(10)]), key, sqlite], /DAMAGED/],
    ['a size that is none', [head([own, part(-1)]), key, sqlite], /DAMAGED/],
    ['a head without an end', [Buffer.from([0xff, 0xff, 0xff, 0xff]), sqlite], /DAMAGED/],
    ['a head that is no JSON', [Buffer.from([0, 0, 0, 2]), Buffer.from('{]')], /DAMAGED/],
    ['a part of another name', [head([own, { name: '../../etc/passwd', sizeBytes: 1 }]), key, sqlite], /DAMAGED/],
    ['no key', [head([part(sqlite.length)]), sqlite], /DAMAGED/],
    ['nothing', [], /DAMAGED/],
    ['no database', [head([own, part(16_384)]), key, randomBytes(16_384)], /DAMAGED/],
    ['a damaged database', [head([own, part(sqlite.length)]), key, torn(sqlite)], /DAMAGED/],
    ['a database of something else', [head([own, part(foreign(t).length)]), key, foreign(t)], /DAMAGED/],
    ['a form to come', [head([own], { version: 2 })], /UNKNOWN/],
    ['a damaged one, for support', [head([own, part(sqlite.length)], { kind: 'damaged' }), key, sqlite], /UNKNOWN/],
  ]
  for (const [what, pieces, code] of wrong) {
    await receiveUpload(dataDir, seal(from(...pieces), passphrase, { costLog2: 4 }))
    await t.rejects(open(), { code }, what)
    t.strictSame(readdirSync(join(dataDir, 'backups')), ['upload.hoistbackup'], what)
  }
  await receiveUpload(dataDir, seal(from(head([own, part(sqlite.length)]), key, sqlite), passphrase, { costLog2: 4 }))
  t.equal((await open()).name, imported, 'and a right one is taken')
})

t.test('a newer schema is refused before anything is restored', async t => {
  const file = await exported(t, path => {
    const sqlite = new DatabaseSync(path)
    sqlite.exec('PRAGMA user_version = 99')
    sqlite.close()
  })
  const { open } = await machine(t, file)
  await t.rejects(open(), { code: 'STORE_NEWER', statusCode: 422 })
})

t.test('a secret that the exported key does not open stays unreadable, and the others come', async t => {
  const file = await exported(t, path => {
    const sqlite = new DatabaseSync(path)
    sqlite.exec("INSERT INTO secrets VALUES ('aws.sessionToken', zeroblob(12), zeroblob(16), zeroblob(3))")
    sqlite.close()
  })
  const { dataDir, open } = await machine(t, file)
  await restoreBackup(dataDir, (await open()).name)
  const store = await openStore(dataDir)
  t.teardown(() => store.close())
  t.equal(await store.secrets.get('vcenter.password'), 'opensesame')
  await t.rejects(store.secrets.get('aws.sessionToken'), { code: 'SECRET_UNREADABLE' })
})

t.test('an upload that ends too early leaves none, and what a killed process left is discarded', async t => {
  const { dataDir, open } = await machine(t)
  async function* cut() {
    yield Buffer.alloc(1000)
    throw new Error('aborted')
  }
  await t.rejects(receiveUpload(dataDir, cut()), { message: 'aborted' })
  t.strictSame(readdirSync(join(dataDir, 'backups')), [])
  await t.rejects(open(), { code: 'NOT_FOUND' })
  for (const name of ['upload.hoistbackup', 'upload.hoistbackup.part', 'opening.db', 'opening.db-wal', 'mine.txt'])
    writeFileSync(join(dataDir, 'backups', name), 'x')
  await discardUpload(dataDir)
  t.strictSame(readdirSync(join(dataDir, 'backups')), ['mine.txt'])
})

t.test("the head's check is HMAC-SHA-256 under the second half of what scrypt gives", async t => {
  const file = await exported(t)
  const derived = scryptSync(passphrase, file.subarray(16, 48), 64, { N: 16, r: 8, p: 1 })
  const mac = createHmac('sha256', derived.subarray(32)).update(file.subarray(0, 48)).digest()
  t.ok(mac.equals(file.subarray(48, 80)))
})

async function aBackup(t: Test): Promise<string> {
  const dataDir = place(t)
  const store = await openStore(dataDir)
  const { name } = await store.backup()
  store.close()
  return join(dataDir, 'backups', name)
}

function torn(sqlite: Buffer): Buffer {
  return Buffer.concat([sqlite.subarray(0, 8192), Buffer.alloc(sqlite.length - 8192, 0xa5)])
}

function foreign(t: Test): Buffer {
  const path = join(place(t), 'x.db')
  const sqlite = new DatabaseSync(path)
  sqlite.exec('CREATE TABLE a (b)')
  sqlite.close()
  return readFileSync(path)
}
