// An appliance that moves to another machine by an exported backup: all of it is there, and it does nothing until that is confirmed.
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { type App, createApp } from '../appliance/app.ts'
import { backupImporter } from '../appliance/app-backups.ts'
import { poll, siteConfig, startSite } from './site.ts'

t.setTimeout(180_000)
const passphrase = 'fourteen herons in a row'
const administrator = { name: 'admin', password: 'seven quiet lanterns by the harbour' }
const site = await startSite({ vms: [{ name: 'web01', disks: [{ sizeBytes: 4 << 20, seed: 1 }] }] }, { leaseMs: 200 })
t.teardown(() => site.stop())

interface Session {
  cookie: string
  csrf: string
}

/** An appliance on its own machine, and ways to speak to it. */
async function machine(t: Test, dataDir: string, machineId: string) {
  const app = await createApp({ ...siteConfig(dataDir), machineId, leaseMs: 200 }, pino({ level: 'silent' }))
  t.teardown(() => app.stop())
  app.start()
  return { app, ...speaking(app) }
}

function speaking(app: App) {
  const ask = async (method: 'GET' | 'POST' | 'PUT', url: string, payload?: object | Buffer, by?: Session) => {
    const answer = await app.api.inject({
      ...{ method, url, ...(payload ? { payload } : {}) },
      headers: {
        ...(by ? { cookie: by.cookie, 'x-hoist-csrf': by.csrf } : { authorization: `Bearer ${app.token}` }),
        ...(Buffer.isBuffer(payload) ? { 'content-type': 'application/octet-stream' } : {}),
      },
    })
    const cookie = String(answer.headers['set-cookie']).split(';')[0] ?? ''
    return { status: answer.statusCode, raw: answer.rawPayload, cookie, body: parsed(answer.body) }
  }
  const session = async (method: 'POST', url: string, payload: object, by?: Session): Promise<Session> => {
    const { cookie, body } = await ask(method, url, payload, by ?? { cookie: '', csrf: '' })
    return { cookie, csrf: String(body.csrf) }
  }
  return { ask, session }
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text)
  } catch {
    return {} // A file.
  }
}

async function place(t: Test): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'hoist-moved-'))
  t.teardown(() => rm(path, { recursive: true, force: true }))
  return path
}

/** Makes the administrator, as the wizard does. */
async function claim(app: App): Promise<Session> {
  const { session } = speaking(app)
  const setup = await session('POST', '/api/setup/code', { code: await app.setupCode() })
  return await session('POST', '/api/setup/administrator', administrator, setup)
}

t.test(
  'an export is imported by the setup of a new appliance, which then is the former one, and waits for a word',
  async t => {
    await site.setUp()
    const run = await site.replicate('web01')
    t.equal(run.state, 'succeeded', `${run.failure?.message}`)
    await claim(site.app)
    const former = speaking(site.app)
    const { body: backup } = await former.ask('POST', '/api/backups')
    const exported = await former.ask('POST', `/api/backups/${String(backup.name)}/export`, { passphrase })
    t.equal(exported.status, 200)

    const dataDir = await place(t)
    const fresh = await machine(t, dataDir, 'another machine')
    const before = await fresh.session('POST', '/api/setup/code', { code: await fresh.app.setupCode() })
    t.match(await fresh.ask('PUT', '/api/backups/upload', exported.raw, before), { status: 200 })
    t.match(await fresh.ask('POST', '/api/backups/import', { passphrase: 'wrong' }, before), {
      body: { code: 'EXPORT_PASSPHRASE_WRONG' },
    })
    t.match(await fresh.ask('GET', '/api/health/ready'), { status: 200 }, 'nothing has happened')
    const imported = await fresh.ask('POST', '/api/backups/import', { passphrase }, before)
    t.match(imported, { status: 200, body: { backup: /^imported-/ } })
    t.match(
      await fresh.ask('GET', '/api/health/ready'),
      { status: 503 },
      'whoever waits does not meet the one of before',
    )
    t.match(await fresh.ask('POST', '/api/backups/import', { passphrase }, before), { body: { code: 'STORE_LOCKED' } })
    await fresh.app.replaced
    await fresh.app.stop()

    const { app, ask, session } = await machine(t, dataDir, 'another machine')
    t.equal(await app.setupCode(), undefined, 'it has an administrator')
    t.match(
      await ask('GET', '/api/session', undefined, before),
      { body: { state: 'signedOut' } },
      'the session of the setup',
    )
    t.match(await session('POST', '/api/session', administrator), { csrf: String }, 'who signs in as before')
    const standing = async () => (await ask('GET', '/api/connector')).body
    await poll(async () => ((await standing()).state === 'readOnly' ? true : undefined))
    t.match(await standing(), { readOnlyReason: 'cloned' })
    t.match(await ask('POST', `/api/jobs/${run.jobId}/runs`), { body: { code: 'CONNECTOR_READ_ONLY', hint: /Decide/ } })
    t.match(await ask('GET', `/api/runs/${run.id}`), { body: { imageId: run.imageId } })
    // Passwords and keys are the former machine's, and open both sides.
    t.match(await ask('GET', '/api/vcenter/identity'), { status: 200 })
    t.match(await ask('GET', '/api/aws/identity'), { status: 200, body: { missingActions: [] } })

    t.match(await ask('POST', '/api/connector/decision', { decision: 'takeOver' }), { body: { state: 'active' } })
    await poll(async () => ((await former.ask('GET', '/api/connector')).body.state === 'readOnly' ? true : undefined))
    t.match((await former.ask('GET', '/api/connector')).body, { readOnlyReason: 'fenced' }, 'the former one lets go')
    const again = (await ask('POST', `/api/jobs/${run.jobId}/runs`)).body
    const ended = await poll(async () => {
      const { body } = await ask('GET', `/api/runs/${String(again.id)}`)
      return body.endedAt === undefined ? undefined : body
    })
    t.match(ended, { state: 'succeeded' }, JSON.stringify(ended.failure))
  },
)

t.test('once there are accounts, an export and an import take the password of whoever asks', async t => {
  const dataDir = await place(t)
  const { app, ask, session } = await machine(t, dataDir, 'm')
  const setup = await session('POST', '/api/setup/code', { code: await app.setupCode() })
  const person = await claimed(session, setup)
  const backup = (await ask('POST', '/api/backups', undefined, person)).body
  const carryOff = (body: object) => ask('POST', `/api/backups/${String(backup.name)}/export`, body, person)
  t.match(await carryOff({ passphrase }), { status: 400, body: { hint: /password/ } })
  t.match(await carryOff({ passphrase, password: 'not this one' }), { status: 403, body: { code: 'PASSWORD_WRONG' } })
  const { raw } = await carryOff({ passphrase, password: administrator.password })
  t.match(await ask('PUT', '/api/backups/upload', raw, setup), { status: 401 }, 'the setup is over')
  t.match(await ask('PUT', '/api/backups/upload', raw, person), { status: 200 })
  const attempt = (body: object) => ask('POST', '/api/backups/import', body, person)
  t.match(await attempt({ passphrase }), { status: 400, body: { hint: /password/ } })
  t.match(await attempt({ passphrase, password: 'not mine' }), { status: 403, body: { code: 'PASSWORD_WRONG' } })
  t.match(await attempt({ passphrase, password: administrator.password }), { status: 200 })
})

t.test('what an upload that was given up has left is gone after the next start', async t => {
  const dataDir = await place(t)
  await backupImporter(dataDir, '', () => new Date()).upload(pieces(Buffer.from('x')))
  t.strictSame(await readdir(join(dataDir, 'backups')), ['upload.hoistbackup'])
  await machine(t, dataDir, 'm')
  await poll(async () => ((await readdir(join(dataDir, 'backups'))).includes('upload.hoistbackup') ? undefined : true))
})

t.test('one upload at a time', async t => {
  const importer = backupImporter(await place(t), '', () => new Date())
  const open = Promise.withResolvers<void>()
  async function* slow() {
    yield Buffer.from('a')
    await open.promise
  }
  const first = importer.upload(slow())
  await t.rejects(importer.upload(pieces(Buffer.from('b'))), { code: 'STORE_LOCKED' })
  open.resolve()
  t.same(await first, { sizeBytes: 1 })
  t.same(await importer.upload(pieces(Buffer.from('bc'))), { sizeBytes: 2 })
})

async function claimed(session: ReturnType<typeof speaking>['session'], setup: Session): Promise<Session> {
  return await session('POST', '/api/setup/administrator', administrator, setup)
}

async function* pieces(...chunks: Buffer[]) {
  yield* chunks
}
