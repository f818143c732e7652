// Health, system, support and the web certificate as one appliance has them, at the lab, over its API.
import { execFileSync } from 'node:child_process'
import type { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { connect } from 'node:tls'
import t from 'tap'
import { createLogger } from '../appliance/log.ts'
import { openLogFile } from '../appliance/log-file.ts'
import { awsCliBytes } from './aws/aws-lab.ts'
import { poll, startSite } from './site.ts'

t.setTimeout(120_000)
const site = await startSite({ vms: [{ name: 'secret-project-db', disks: [{ sizeBytes: 1 << 20 }] }] }, {}, dataDir =>
  createLogger({ logLevel: 'debug' }, openLogFile(dataDir)),
)
t.teardown(() => site.stop())
const { call, lab, app } = site
const headers = { authorization: `Bearer ${app.token}` }
const get = (url: string) => app.api.inject({ url, headers })

async function openBundle(query = '') {
  const directory = t.testdir({})
  const { rawPayload, headers: answered } = await get(`/api/support/bundle${query}`)
  const name = /filename="(.+)\.tar\.gz"/.exec(String(answered['content-disposition']))?.[1] ?? ''
  writeFileSync(join(directory, 'b.tar.gz'), rawPayload)
  execFileSync('tar', ['xzf', 'b.tar.gz'], { cwd: directory })
  const folder = join(directory, name)
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(one => one !== 'logs')
  return Object.fromEntries(names.map(one => [one, readFileSync(join(folder, one), 'utf8')]))
}

t.test('before anything is set up, checks of others do not apply, and the appliance is well', async t => {
  const checks = await site.health()
  for (const id of ['network.vcenter', 'aws.credentials', 'aws.bucket', 'appliance.connector'])
    t.equal(checks[id]?.state, 'notStarted', id)
  for (const id of ['appliance.database', 'appliance.certificate', 'appliance.version'])
    t.equal(checks[id]?.state, 'success', id)
  t.match((await call('GET', '/api/system')).body, {
    hostname: String,
    clock: { now: String },
    ntp: { servers: Array },
  })
})

t.test('the bucket is made before vCenter is known; a set-up site is well', async t => {
  await call('PUT', '/api/settings/aws', site.awsBody())
  t.match(await call('POST', '/api/aws/bucket'), { status: 200, body: { bucket: /^hoist-/, created: true } })
  await site.setUp()
  t.match(await call('GET', '/api/aws/identity'), { body: { missingActions: [], checkedBy: 'simulation' } })
  const checks = await site.health()
  for (const { id, state, cause } of Object.values(checks)) {
    // The lab has no DNS for its hosts, no daemon keeps its time, no channel publishes.
    const expected = {
      'network.hosts': 'warning',
      'network.ntp': /./,
      // A machine of a developer may wait for one.
      'appliance.restart': /./,
      // Here is no root helper.
      'appliance.upgrade': 'notStarted',
      'network.sns': 'notStarted',
      'appliance.memory': /./,
      'appliance.disk': /./,
    }[id]
    t.match(state, expected ?? 'success', `${id}: ${cause}`)
  }
  const { body } = await call<{ clock: { awsSkewMs: number } }>('GET', '/api/system')
  t.ok(Math.abs(body.clock.awsSkewMs) < 2_000)
})

t.test('a reader of events follows a round', async t => {
  const address = await app.api.listen({ host: '127.0.0.1', port: 0 })
  t.ok(address)
  const port = (app.api.server.address() as AddressInfo).port
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: app.certificatePem })
  await once(socket, 'secureConnect')
  let text = ''
  socket.on('data', bytes => {
    text += bytes
  })
  socket.write(`GET /api/events HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${app.token}\r\n\r\n`)
  await poll(async () => (text.includes('connected') ? true : undefined))
  text = ''
  await call('POST', '/api/health/run')
  await poll(async () =>
    /event: health\ndata: \{"id":"appliance\.version".*"state":"success"/.test(text) ? true : undefined,
  )
  t.match(text, /"state":"inProgress"/)
  socket.destroy()
})

t.test('the bundle holds what support asks for, with a run in it; obfuscated it names nothing', async t => {
  const run = await site.replicate('secret-project-db')
  t.equal(run.state, 'succeeded')
  await call('POST', '/api/backups')
  const files = await openBundle()
  t.same(Object.keys(files).sort(), [
    ...['database.json', 'health.json', 'logs/hoist-000001.log', 'metrics.txt', 'network.json'],
    ...['report.txt', 'runs.json', 'settings.json', 'versions.json'],
  ])
  t.match(JSON.parse(files['runs.json'] ?? ''), [{ id: run.id, serverName: 'secret-project-db', state: 'succeeded' }])
  t.match(JSON.parse(files['database.json'] ?? ''), { ok: true, findings: [] })
  t.match(JSON.parse(files['settings.json'] ?? ''), {
    vcenter: { host: lab.vcenter.host },
    connector: { bucket: /^hoist-/ },
  })
  t.match(files['logs/hoist-000001.log'], /"server":"secret-project-db"/)
  const hidden = JSON.stringify(await openBundle('?obfuscate=true'))
  const { bucket = '' } = (await call<{ bucket?: string }>('GET', '/api/registration')).body
  for (const name of [
    'secret-project-db',
    lab.vcenter.connector.username,
    lab.aws.accountId,
    lab.aws.connector.accessKeyId,
    'esx1.lab',
    bucket,
  ])
    t.notOk(hidden.includes(name), name)
  t.match(hidden, /server-1/)
  const nothing = await openBundle('?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z')
  t.notOk(Object.keys(nothing).some(name => name.startsWith('logs/')))
})

t.test('the log by level and text, and the report', async t => {
  const { body } = await call<{ items: { message: string; fields: object }[]; next?: string }>(
    'GET',
    '/api/support/logs?text=secret-project-db&limit=1',
  )
  t.equal(body.items.length, 1)
  t.ok(body.next)
  const report = (await get('/api/support/report')).body
  t.match(report, /1 servers, 1 jobs/)
  t.notMatch(report, /secret-project-db/)
})

t.test('switched on, the bundle goes to the bucket, and expires there', async t => {
  t.match(await call('PUT', '/api/settings/log-upload', { enabled: true }), { body: { enabled: true } })
  const { body } = await call<{ logUpload: { lastKey?: string }; logBytes: number }>('GET', '/api/support')
  t.match(body, { logUpload: { enabled: true } })
  t.ok(body.logBytes > 0)
  const { lastKey } = await poll(async () => {
    const { logUpload } = (await call<{ logUpload: { lastKey?: string } }>('GET', '/api/support')).body
    return logUpload.lastKey === undefined ? undefined : logUpload
  })
  const { bucket } = (await call<{ bucket: string }>('GET', '/api/registration')).body
  const bytes = await awsCliBytes(lab, 's3', 'cp', `s3://${bucket}/${lastKey}`, '-')
  t.match(execFileSync('tar', ['tz'], { input: bytes, encoding: 'utf8' }), /versions\.json/)
})

t.test('a certificate of a CA takes the place of our own while the page goes on', async t => {
  const directory = t.testdir({})
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' })
  const { body } = await call<{ requestPem: string }>('POST', '/api/web-certificate/request', {
    names: ['hoist.example'],
  })
  writeFileSync(join(directory, 'web.csr'), body.requestPem)
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-subj',
    '/CN=Site CA',
    '-days',
    '9',
  )
  openssl(
    'x509',
    '-req',
    '-in',
    'web.csr',
    '-CA',
    'ca.crt',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '5',
    '-out',
    'web.crt',
    '-copy_extensions',
    'copyall',
  )
  const pem = (name: string) => readFileSync(join(directory, name), 'utf8')
  const port = (app.api.server.address() as AddressInfo).port
  const shown = async () => {
    const socket = connect({
      port,
      host: '127.0.0.1',
      servername: 'hoist.example',
      ca: [app.certificatePem, pem('ca.crt')],
      rejectUnauthorized: false,
    })
    await once(socket, 'secureConnect')
    const certificate = socket.getPeerX509Certificate() as X509Certificate
    socket.destroy()
    return certificate.issuer
  }
  t.notMatch(await shown(), /Site CA/)
  t.match(await call('PUT', '/api/web-certificate', { certificatePem: pem('web.crt'), chainPem: pem('ca.crt') }), {
    status: 200,
    body: { selfSigned: false, names: ['hoist.example'] },
  })
  t.match(await shown(), /Site CA/)
  t.match((await get('/api/web-certificate')).headers['strict-transport-security'], /max-age/)
  t.match((await site.health())['appliance.certificate'], { state: 'warning', cause: /ends in 4 days/ })
})
