// The API of the service as a program of the same machine asks it: by the token and the certificate of the data directory.
import { createPrivateKey } from 'node:crypto'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { pino } from 'pino'
import t from 'tap'
import { createApp } from '../appliance/app.ts'
import { askLocal, localToken, openLocal } from '../appliance/local-api.ts'
import { makeKey, selfSigned } from '../appliance/make-certificate.ts'
import { ensureWebCertificate } from '../appliance/web-certificate.ts'
import { siteConfig } from './site.ts'

const dataDir = await mkdtemp(join(tmpdir(), 'hoist-local-'))
t.teardown(() => rm(dataDir, { recursive: true, force: true }))
const app = await createApp(siteConfig(dataDir), pino({ level: 'silent' }))
await app.api.listen({ host: '127.0.0.1', port: 0 })
t.teardown(() => app.stop())
const service = { dataDir, host: '127.0.0.1', port: (app.api.server.address() as AddressInfo).port }
const signal = AbortSignal.timeout(30_000)

t.test('the service knows who asks, and answers with what it has', async t => {
  t.equal(await localToken(dataDir), app.token)
  const { status, body } = await askLocal({ ...service, host: '0.0.0.0' }, 'GET', '/api/local/console', { signal })
  t.match({ status, body }, { status: 200, body: { claimed: false, setupCode: await app.setupCode() } })
  const report = { act: 'time', outcome: 'done' }
  t.strictSame(await askLocal(service, 'POST', '/api/local/console', { body: report, signal }), {
    status: 204,
    body: undefined,
  })
  t.match(await askLocal(service, 'GET', '/api/jobs/none', { signal }), { status: 404, body: { code: 'NOT_FOUND' } })
  const answer = await openLocal(service, 'GET', '/api/support/report', { signal })
  t.equal(answer.statusCode, 200)
  t.match(await text(answer), /Hoist|version/i)
})

t.test('whoever shows another certificate is told nothing, the token least of all', async t => {
  const other = t.testdir()
  await ensureWebCertificate(other)
  await cp(join(dataDir, 'api-token'), join(other, 'api-token'))
  await t.rejects(
    askLocal({ ...service, dataDir: other }, 'GET', '/api/local/console', { signal }),
    /does not show the certificate of this appliance/,
  )
})

t.test('the time does not matter: a certificate that has ended is still that of the service', async t => {
  const key = makeKey()
  const cert = selfSigned(createPrivateKey(key), 'hoist', { now: new Date('2020-01-01T00:00:00Z'), days: 2 })
  const other = t.testdir()
  for (const [name, content] of Object.entries({ 'web.crt': cert, 'api-token': 'secret' }))
    await writeFile(join(other, name), content, { mode: 0o600 })
  const server = createServer({ key, cert }, async (request, response) => {
    const { method, url, headers } = request
    response.end(JSON.stringify({ method, url, token: headers.authorization, body: await text(request) }))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  t.strictSame(await askLocal({ dataDir: other, host: '0.0.0.0', port }, 'PUT', '/a', { body: { b: 'ü' }, signal }), {
    status: 200,
    body: { method: 'PUT', url: '/a', token: 'Bearer secret', body: '{"b":"ü"}' },
  })
})

t.test('without a token, a certificate or a service there is an error', async t => {
  const other = t.testdir()
  t.equal(await localToken(other), '')
  await t.rejects(askLocal({ ...service, dataDir: other }, 'GET', '/', { signal }), { code: 'NOT_FOUND' })
  await t.rejects(askLocal({ ...service, port: 1 }, 'GET', '/', { signal }), { code: 'ECONNREFUSED' })
  await writeFile(join(other, 'web.crt'), await readFile(join(dataDir, 'web.crt')), { mode: 0o600 })
  t.match(await askLocal({ ...service, dataDir: other }, 'GET', '/api/local/console', { signal }), { status: 401 })
  await t.rejects(askLocal(service, 'GET', '/', { signal: AbortSignal.abort() }), { name: 'AbortError' })
})
