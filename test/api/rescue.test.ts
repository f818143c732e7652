// The routes of rescue mode, over a service that a test makes up.
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { createRescueApi, type RescueService } from '../../appliance/api/rescue.ts'
import type { RescueView } from '../../appliance/api/schemas/rescue.ts'
import { ApplianceError } from '../../appliance/errors.ts'
import { ensureWebCertificate } from '../../appliance/web-certificate.ts'

const error = new ApplianceError('STORE_DAMAGED', 'The database is damaged.', { hint: 'Restore a backup.' })
const view: RescueView = {
  code: error.code,
  message: error.message,
  hint: error.hint,
  findings: ['page 5'],
  databaseBytes: 8,
  backups: [{ name: 'a.db', takenAt: '2026-03-01T02:00:00.000Z', sizeBytes: 5, ok: true, findings: [] }],
}
const token = 'x'.repeat(43)
const passphrase = 'fourteen herons'

async function open(
  t: Test,
  changes: Partial<RescueService> = {},
  page?: { 'index.html': string; assets: { 'a.js': string } },
) {
  const directory = t.testdir(page ? { page } : {})
  const asked: unknown[] = []
  const app = await createRescueApi({
    tls: await ensureWebCertificate(join(directory, 'tls')),
    token,
    log: pino({ level: 'silent' }),
    ...(page ? { page: { directory: join(directory, 'page') } } : {}),
    rescue: {
      error,
      view: async () => view,
      async export(body) {
        asked.push(body)
        if (body.backup === 'none.db') throw new ApplianceError('NOT_FOUND', 'There is none.', { hint: 'Look.' })
        const content = Buffer.from(`sealed ${body.backup ?? 'damage'}`)
        const fileName = 'a.hoistbackup'
        return { fileName, sizeBytes: content.length, content: Readable.from([content], { objectMode: false }) }
      },
      async upload(sent) {
        const bytes = Buffer.concat(await Array.fromAsync(sent))
        asked.push(bytes.toString())
        return { sizeBytes: bytes.length }
      },
      async import(passphrase) {
        asked.push(passphrase)
        return { backup: 'imported-20260301T020000Z.db', damagedFile: 'damaged-20260301T020000Z.db' }
      },
      async restore(backup) {
        asked.push(backup)
        return { backup, damagedFile: 'damaged-20260301T020000Z.db' }
      },
      answered: () => asked.push('answered'),
      ...changes,
    },
  })
  t.teardown(() => app.close())
  const ask = (method: 'GET' | 'POST' | 'DELETE', url: string, payload?: object) =>
    app.inject({ method, url, headers: { authorization: `Bearer ${token}` }, ...(payload ? { payload } : {}) })
  return { app, ask, asked }
}

t.test('the process lives and is not ready, and says so to everybody; the rest needs the token', async t => {
  const { app } = await open(t)
  t.match(await app.inject('/api/health/live'), { statusCode: 200, body: '{"ok":true}' })
  t.match(await app.inject('/api/health/ready'), { statusCode: 503, body: '{"ok":false,"code":"STORE_DAMAGED"}' })
  for (const [method, url] of [
    ['GET', '/api/rescue'],
    ['POST', '/api/rescue/export'],
    ['PUT', '/api/rescue/upload'],
    ['POST', '/api/rescue/import'],
    ['POST', '/api/rescue/restore'],
    ['GET', '/api/jobs'],
  ] as const)
    t.equal((await app.inject({ method, url })).statusCode, 401, url)
})

t.test('what is wrong is shown, and everything else answers that', async t => {
  const { ask } = await open(t)
  t.same((await ask('GET', '/api/rescue')).json(), view)
  for (const [method, url] of [
    ['GET', '/api/jobs'],
    ['GET', '/api/health'],
    ['GET', '/api/rescue/export'],
    ['DELETE', '/api/runs/1'],
    ['POST', '/api/rescue'],
  ] as const) {
    const answer = await ask(method, url)
    t.equal(answer.statusCode, 503, url)
    t.same(answer.json(), { code: 'STORE_DAMAGED', message: error.message, hint: error.hint }, url)
  }
})

t.test('the damaged database and a backup are sent under a passphrase only', async t => {
  const { ask, asked } = await open(t)
  const damaged = await ask('POST', '/api/rescue/export', { passphrase })
  t.match(damaged, { statusCode: 200, body: 'sealed damage' })
  t.match(damaged.headers, {
    'content-type': 'application/octet-stream',
    'content-length': '13',
    'content-disposition': 'attachment; filename="a.hoistbackup"',
    'cache-control': 'no-store',
  })
  t.match(await ask('POST', '/api/rescue/export', { passphrase, backup: 'a.db' }), { body: 'sealed a.db' })
  t.same(asked, [{ passphrase }, { passphrase, backup: 'a.db' }])
  t.match((await ask('POST', '/api/rescue/export', { passphrase, backup: 'none.db' })).json(), { code: 'NOT_FOUND' })
  for (const body of [{}, { passphrase: 'short' }, { passphrase, path: 'x' }, { passphrase, backup: '../key.db' }])
    t.match((await ask('POST', '/api/rescue/export', body)).json(), { code: 'INVALID_REQUEST' })
  t.equal(asked.length, 3)
})

t.test('an exported backup is taken as it comes, and imported with its passphrase', async t => {
  const { app, asked, ask } = await open(t)
  const send = (type: string) =>
    app.inject({
      ...{ method: 'PUT', url: '/api/rescue/upload', payload: 'x'.repeat(50_000) },
      headers: { authorization: `Bearer ${token}`, 'content-type': type },
    })
  t.same((await send('application/octet-stream')).json(), { sizeBytes: 50_000 })
  t.match((await send('text/plain')).json(), { code: 'INVALID_REQUEST' })
  const answer = await ask('POST', '/api/rescue/import', { passphrase: 'any' })
  t.match(answer.json(), { backup: 'imported-20260301T020000Z.db' })
  t.strictSame(asked.slice(1), ['any', 'answered'])
  t.match((await ask('POST', '/api/rescue/import')).json(), { code: 'INVALID_REQUEST' })
})

t.test('the page is served under its policy to everybody; the API stays closed', async t => {
  const { app, ask } = await open(t, {}, { 'index.html': '<!doctype html>', assets: { 'a.js': '1' } })
  for (const url of ['/', '/jobs', '/api/docs']) {
    const answer = await app.inject(url)
    t.match(answer, { statusCode: 200, body: '<!doctype html>' }, url)
    t.match(answer.headers['content-security-policy'], /default-src 'none'.*frame-ancestors 'none'/)
  }
  t.match(await app.inject('/assets/a.js'), { statusCode: 200, body: '1' })
  t.equal((await app.inject('/api/jobs')).statusCode, 401)
  t.equal((await app.inject('/api/rescue')).statusCode, 401)
  t.match(await ask('GET', '/api/jobs'), { statusCode: 503 })
  t.match((await ask('GET', '/api/jobs')).json(), { code: 'STORE_DAMAGED', hint: error.hint })
})

t.test('a restore is told of once it was answered, a refused one is not', async t => {
  const { ask, asked } = await open(t)
  const answer = await ask('POST', '/api/rescue/restore', { backup: 'a.db' })
  t.same(answer.json(), { backup: 'a.db', damagedFile: 'damaged-20260301T020000Z.db' })
  t.strictSame(asked, ['a.db', 'answered'])
  t.match((await ask('POST', '/api/rescue/restore', { backup: '../a.db' })).json(), { code: 'INVALID_REQUEST' })
  t.match((await ask('POST', '/api/rescue/restore', { backup: 'a.db', more: 1 })).json(), { code: 'INVALID_REQUEST' })
  t.match((await ask('POST', '/api/rescue/restore')).json(), { code: 'INVALID_REQUEST' })
  t.equal(asked.length, 2)
})

t.test('a restore that fails keeps its name, and anything else says nothing of itself', async t => {
  const asked: unknown[] = []
  let thrown: Error = new ApplianceError('STORE_LOCKED', 'In use.', { hint: 'Stop it.' })
  const { ask } = await open(t, {
    restore: () => Promise.reject(thrown),
    answered: () => asked.push('answered'),
  })
  t.match(await ask('POST', '/api/rescue/restore', { backup: 'a.db' }), { statusCode: 503 })
  thrown = new Error('an internal word')
  const answer = await ask('POST', '/api/rescue/restore', { backup: 'a.db' })
  t.equal(answer.statusCode, 500)
  t.notMatch(answer.body, /internal word/)
  t.strictSame(asked, [])
})
