// A database damaged on purpose: noticed at the start, exported, restored, and the appliance goes on with its jobs and history.
import {
  closeSync,
  cpSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { createApp } from '../appliance/app.ts'
import { ApplianceError } from '../appliance/errors.ts'
import { createRescueApp, type RescueApp } from '../appliance/rescue.ts'
import { exportBackup } from '../appliance/store/backup-export.ts'
import { unseal } from '../appliance/store/sealed-stream.ts'
import { openStore } from '../appliance/store/store.ts'
import { siteConfig } from './site.ts'
import { sampleJob, sampleRun, sampleServer } from './store/samples.ts'

const quiet = pino({ level: 'silent' })
const passphrase = 'fourteen herons'
const jobs = 60
const page = 4096

/** An appliance's data with a backup of yesterday, and work of today: made once, as every write waits for the disk. */
const worked = await mkdtemp(join(tmpdir(), 'hoist-rescue-'))
t.teardown(() => rm(worked, { recursive: true, force: true }))
await work(worked)

function workedWith(dataDir: string): void {
  cpSync(worked, dataDir, { recursive: true })
}

async function work(dataDir: string): Promise<void> {
  const store = await openStore(dataDir)
  await store.settings.setConnector({ id: 'connector-1', mark: 7, generation: 'g' })
  await store.servers.upsert(
    await store.servers.begin(),
    Array.from({ length: 60 }, (_, n) => sampleServer(n)),
  )
  for (let number = 0; number < jobs; number++) {
    await store.jobs.create(sampleJob(number, { state: 'paused' }))
    await store.runs.create(sampleRun(number, { jobId: `job-${number}`, state: 'succeeded', imageId: `ami-${number}` }))
  }
  await store.backup({ now: new Date('2026-03-01T02:00:00Z') })
  await store.jobs.create(sampleJob(jobs))
  store.close()
}

async function damagedStart(dataDir: string): Promise<ApplianceError> {
  try {
    await (await createApp(siteConfig(dataDir), quiet)).stop()
  } catch (thrown) {
    if (thrown instanceof ApplianceError) return thrown
    throw thrown
  }
  throw new Error('The damage was not noticed')
}

async function rescue(t: Test, dataDir: string, error: ApplianceError) {
  const app = await createRescueApp(siteConfig(dataDir), quiet, error)
  t.teardown(() => app.stop())
  return { app, ask: asker(app) }
}

function asker(app: Pick<RescueApp, 'api' | 'token'>) {
  return (method: 'GET' | 'POST', url: string, payload?: object) =>
    app.api.inject({ method, url, headers: { authorization: `Bearer ${app.token}` }, ...(payload ? { payload } : {}) })
}

const damages: [string, (path: string) => void][] = [
  ['pages in the middle that are overwritten', path => overwrite(path, statSync(path).size / 2, 40 * page, 0xa5)],
  ['pages in the middle that are zero', path => overwrite(path, statSync(path).size / 2, 40 * page, 0)],
  ['half of a file', path => truncateSync(path, statSync(path).size / 2)],
  ['an empty file', path => truncateSync(path)],
  ['a garbage header', path => overwrite(path, 0, 100, 0x5a)],
  ['a file of something else', path => writeFileSync(path, 'not a database. '.repeat(999))],
  ['garbage for a log', path => writeFileSync(`${path}-wal`, Buffer.alloc(40_000, 0xc3))],
]

for (const [name, damage] of damages)
  t.test(`${name}: the start notices it, and a backup brings back jobs and history`, async t => {
    const dataDir = t.testdir()
    workedWith(dataDir)
    const path = join(dataDir, 'hoist.db')
    damage(path)
    const bytes = readFileSync(path)
    const error = await damagedStart(dataDir)
    t.match(error, { code: 'STORE_DAMAGED', hint: /api\/rescue/ })

    const { app, ask } = await rescue(t, dataDir, error)
    const view = (await ask('GET', '/api/rescue')).json()
    t.match(view, {
      code: 'STORE_DAMAGED',
      message: /hoist\.db/,
      databaseBytes: bytes.length,
      backups: [{ name: 'hoist-20260301T020000Z.db', takenAt: '2026-03-01T02:00:00.000Z', ok: true, findings: [] }],
    })
    t.ok(view.findings[0].length > 0, view.findings[0].slice(0, 80))
    const exported = readFileSync(path)
    const sealed = await ask('POST', '/api/rescue/export', { passphrase })
    t.equal(sealed.statusCode, 200)
    const plain = await unsealed(sealed.rawPayload)
    t.ok(plain.includes(exported) && plain.includes(readFileSync(join(dataDir, 'secrets.key'))), 'exported as it is')
    t.match(await ask('GET', '/api/jobs'), { statusCode: 503 })

    const answer = await ask('POST', '/api/rescue/restore', { backup: view.backups[0].name })
    t.equal(answer.statusCode, 200, answer.body)
    await app.restored
    t.match((await ask('POST', '/api/rescue/restore', { backup: view.backups[0].name })).json(), {
      code: 'STORE_LOCKED',
    })
    await app.stop()
    t.ok(readFileSync(join(dataDir, answer.json().damagedFile)).equals(exported), 'kept aside')

    const again = await createApp(siteConfig(dataDir), quiet)
    t.equal(again.token, app.token)
    t.equal(again.certificatePem, app.certificatePem)
    const call = asker(again)
    t.equal((await call('GET', '/api/health/ready')).statusCode, 200)
    t.equal((await call('GET', '/api/jobs')).json().items.length, jobs)
    t.equal((await call('GET', '/api/runs')).json().items.length, jobs)
    await again.stop()
    t.notOk(readdirSync(dataDir).some(file => file.endsWith('.new')))
  })

t.test('a damaged backup is shown as such and refused; a whole one is taken afterwards', async t => {
  const dataDir = t.testdir()
  workedWith(dataDir)
  const path = join(dataDir, 'hoist.db')
  const damagedBackup = 'hoist-20260302T020000Z.db'
  writeFileSync(join(dataDir, 'backups', damagedBackup), readFileSync(path).subarray(0, 3 * page))
  truncateSync(path, page)
  const { app, ask } = await rescue(t, dataDir, await damagedStart(dataDir))
  t.match((await ask('GET', '/api/rescue')).json().backups, [{ name: damagedBackup, ok: false }, { ok: true }])
  t.match(await ask('POST', '/api/rescue/restore', { backup: damagedBackup }), { statusCode: 422 })
  t.match(await ask('POST', '/api/rescue/restore', { backup: 'hoist-20270301T020000Z.db' }), { statusCode: 404 })
  t.equal(statSync(path).size, page, 'nothing was replaced')
  t.match(await ask('POST', '/api/rescue/restore', { backup: 'hoist-20260301T020000Z.db' }), { statusCode: 200 })
  await app.restored
})

t.test('without a backup, or even a database, it says what there is', async t => {
  const dataDir = t.testdir()
  const error = new ApplianceError('STORE_DAMAGED', 'The settings are unreadable.', { hint: 'Restore.' })
  const { ask } = await rescue(t, dataDir, error)
  t.same((await ask('GET', '/api/rescue')).json(), {
    code: 'STORE_DAMAGED',
    message: 'The settings are unreadable.',
    hint: 'Restore.',
    findings: [],
    backups: [],
  })
  t.match(await ask('POST', '/api/rescue/export', { passphrase }), { statusCode: 404 })
  writeFileSync(join(dataDir, 'hoist.db-wal'), 'its log')
  const log = await ask('POST', '/api/rescue/export', { passphrase })
  t.match((await unsealed(log.rawPayload)).toString(), /"parts":\[{"name":"hoist.db-wal","sizeBytes":7}\]}its log$/)
  const backup = 'before-schema-2.db'
  t.match(await ask('POST', '/api/rescue/export', { passphrase, backup }), { statusCode: 404 })
  writeFileSync(join(dataDir, 'secrets.key'), 'of the wrong size', { mode: 0o600 })
  t.equal((await ask('POST', '/api/rescue/export', { passphrase })).statusCode, 200, 'the key is one more damage')
})

t.test('a log torn in its middle ends at the last whole transaction before', async t => {
  const dataDir = t.testdir()
  workedWith(dataDir)
  const store = await openStore(dataDir)
  for (let number = 100; number < 120; number++) await store.jobs.create(sampleJob(number))
  // What a kill would leave: SQLite removes the log only when it closes.
  const killed = join(dataDir, 'killed')
  for (const end of ['hoist.db', 'hoist.db-wal', 'secrets.key']) cpSync(join(dataDir, end), join(killed, end))
  store.close()
  const log = join(killed, 'hoist.db-wal')
  overwrite(log, statSync(log).size / 2, 3 * page, 0xa5)
  const torn = await openStore(killed)
  t.teardown(() => torn.close())
  const count = (await torn.jobs.list({ limit: 500 })).items.length
  t.ok(count > jobs && count < jobs + 21, `${count} jobs`)
})

t.test('an export of another appliance is imported while the database is damaged, and brings its secrets', async t => {
  const dataDir = t.testdir({ other: {} })
  workedWith(dataDir)
  const other = join(dataDir, 'other')
  const store = await openStore(other)
  await store.secrets.set('vcenter.password', 'opensesame')
  const { name } = await store.backup()
  store.close()
  const key = readFileSync(join(other, 'secrets.key'))
  const shared = { kind: 'backup', passphrase, version: '1', now: new Date(), costLog2: 4 } as const
  const { content } = await exportBackup({ ...shared, name, path: join(other, 'backups', name), key })
  const file = Buffer.concat(await Array.fromAsync(content))

  truncateSync(join(dataDir, 'hoist.db'), page)
  const { app, ask } = await rescue(t, dataDir, await damagedStart(dataDir))
  const headers = { authorization: `Bearer ${app.token}`, 'content-type': 'application/octet-stream' }
  t.match(await ask('POST', '/api/rescue/import', { passphrase }), { statusCode: 404 })
  await app.api.inject({ method: 'PUT', url: '/api/rescue/upload', headers, payload: file })
  t.match((await ask('POST', '/api/rescue/import', { passphrase: 'wrong' })).json(), {
    code: 'EXPORT_PASSPHRASE_WRONG',
  })
  t.equal(statSync(join(dataDir, 'hoist.db')).size, page, 'nothing was replaced')
  t.equal((await ask('POST', '/api/rescue/import', { passphrase })).statusCode, 200)
  await app.restored
  await app.stop()
  const again = await openStore(dataDir)
  t.teardown(() => again.close())
  t.equal(await again.secrets.get('vcenter.password'), 'opensesame')
})

async function unsealed(bytes: Buffer): Promise<Buffer> {
  async function* whole() {
    yield bytes
  }
  return Buffer.concat(await Array.fromAsync(unseal(whole(), passphrase)))
}

function overwrite(path: string, offset: number, bytes: number, fill: number): void {
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.alloc(bytes, fill), 0, bytes, Math.floor(offset / page) * page)
  closeSync(file)
}
