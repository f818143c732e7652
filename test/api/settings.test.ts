// Settings and registration over the API: refusals by name, nothing half kept, and no secret in any answer, file or log.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { createApp } from '../../appliance/app.ts'
import { createLogger } from '../../appliance/log.ts'
import { siteConfig, startSite } from '../site.ts'
import { documentedCall } from './documented.ts'

const site = await startSite({})
t.teardown(() => site.stop())
const { lab } = site
const call = documentedCall(site)
const canary = 'CANARY-4b1d-SECRET'
/** Both sides let us in. */
const bothWell = { 'vcenter.login': { state: 'success' }, 'aws.credentials': { state: 'success' } }

interface Refusal {
  code?: string
  message?: string
  hint?: string
}
type Row = [what: string, change: Record<string, unknown>, status: number, wanted: { code: string; hint: RegExp }]

t.test('nothing is set up at first', async t => {
  t.match(await call('GET', '/api/settings'), { status: 200, body: {} })
  t.match(await call('GET', '/api/registration'), { status: 200, body: { registered: false } })
  t.match(await call('GET', '/api/aws/policies'), { status: 409, body: { code: 'NOT_CONFIGURED' } })
})

t.test('both sides are set up, and shown without secrets', async t => {
  const { body: certificate } = await call<{ thumbprintSha256: string }>('POST', '/api/settings/vcenter/certificate', {
    host: lab.vcenter.host,
  })
  t.equal(certificate.thumbprintSha256, lab.vcenter.thumbprintSha256)
  t.match(await call('PUT', '/api/settings/vcenter', site.vcenterBody()), { status: 200, body: { trust: 'pinned' } })
  t.match(await call('PUT', '/api/settings/aws', site.awsBody()), { status: 200, body: { importRoleName: 'vmimport' } })
  t.match(await call('GET', '/api/settings'), { body: { vcenter: { host: lab.vcenter.host }, aws: {} } })
  t.match(await call('GET', '/api/aws/policies'), { status: 200, body: { connector: { Version: '2012-10-17' } } })
  t.match(await site.health(), bothWell)
})

t.test('what a browser shows as the address of vCenter is taken as its host', async t => {
  const host = ` https://${lab.vcenter.host}/ui/?x=1#y `
  t.match(await call('POST', '/api/settings/vcenter/certificate', { host }), { status: 200 })
  const { body } = await call('PUT', '/api/settings/vcenter', { ...site.vcenterBody(), host })
  t.match(body, { host: lab.vcenter.host })
})

t.test('a new password alone needs no certificate again, but another host does', async t => {
  const { trust: _trust, ...rest } = site.vcenterBody()
  t.match(await call('PUT', '/api/settings/vcenter', rest), { status: 200, body: { trust: 'pinned' } })
  t.match(await call('PUT', '/api/settings/vcenter', { ...rest, host: 'localhost:1' }), {
    status: 400,
    body: { code: 'INVALID_REQUEST', message: /not been accepted/ },
  })
})

t.test('vCenter is asked now when somebody wants to know, and what it refuses is told', async t => {
  t.match(await call('GET', '/api/vcenter/privileges'), {
    status: 200,
    body: { items: [{ id: 'VirtualMachine.State.CreateSnapshot', purpose: /freeze/ }] },
  })
  const before = Date.now()
  const { status, body } = await call<{ checkedAt: string }>('GET', '/api/vcenter/identity')
  t.match({ status, body }, { status: 200, body: { host: lab.vcenter.host, missingPrivileges: [], version: /\d/ } })
  t.ok(Date.parse(body.checkedAt) >= before)
  const order = { kind: 'soap', method: 'HasPrivilegeOnEntities', fault: 'NoPermission', times: -1 }
  const { id } = await lab.vcenterControl<{ id: number }>('POST', '/faults', order)
  const refused = await call<Refusal>('GET', '/api/vcenter/identity')
  await lab.vcenterControl('DELETE', `/faults/${id}`)
  t.match(refused.body, { code: /^VCENTER_/ })
})

t.test('each wrong setting of vCenter is a named refusal, and the former stay', async t => {
  const before = await call('GET', '/api/settings')
  const pem = '-----BEGIN CERTIFICATE-----\nnot one\n-----END CERTIFICATE-----'
  const other = site.app.certificatePem
  const rows: Row[] = [
    ['wrong password', { password: canary }, 422, { code: 'VCENTER_LOGIN_FAILED', hint: /password/ }],
    ['unknown user', { username: 'nobody@vsphere.local' }, 422, { code: 'VCENTER_LOGIN_FAILED', hint: /./ }],
    ['unknown host', { host: 'no-such-host.invalid' }, 502, { code: 'VCENTER_UNREACHABLE', hint: /DNS/ }],
    ['closed port', { host: '127.0.0.1:1' }, 502, { code: 'VCENTER_UNREACHABLE', hint: /port/ }],
    ['no such port', { host: 'localhost:99999' }, 400, { code: 'INVALID_REQUEST', hint: /name or an address/ }],
    ['an address with a user', { host: 'https://me@vcenter/' }, 400, { code: 'INVALID_REQUEST', hint: /openapi/ }],
    [
      'another certificate',
      { trust: { kind: 'pinned', certificatePem: other } },
      409,
      { code: 'VCENTER_CERTIFICATE_CHANGED', hint: /thumbprint/ },
    ],
    ['another CA', { trust: { kind: 'ca', caPem: other } }, 422, { code: 'VCENTER_CERTIFICATE_REFUSED', hint: /CA/ }],
    [
      'no certificate',
      { trust: { kind: 'pinned', certificatePem: pem } },
      400,
      { code: 'INVALID_REQUEST', hint: /PEM|BEGIN/ },
    ],
    ['no trust', { trust: { kind: 'any' } }, 400, { code: 'INVALID_REQUEST', hint: /openapi/ }],
    ['an unknown key', { colour: 'green' }, 400, { code: 'INVALID_REQUEST', hint: /openapi/ }],
    ['a number', { password: 7 }, 400, { code: 'INVALID_REQUEST', hint: /openapi/ }],
    ['control characters', { username: 'a\u0000b' }, 400, { code: 'INVALID_REQUEST', hint: /./ }],
    ['half a character', { password: 'a\ud800' }, 400, { code: 'INVALID_REQUEST', hint: /./ }],
    ['too long', { password: 'x'.repeat(1025) }, 400, { code: 'INVALID_REQUEST', hint: /openapi/ }],
  ]
  for (const [what, change, status, wanted] of rows) {
    const answer = await call<Refusal>('PUT', '/api/settings/vcenter', { ...site.vcenterBody(), ...change })
    t.match(answer, { status, body: wanted }, what)
    t.notOk(JSON.stringify(answer).includes(canary), what)
  }
  t.same(await call('GET', '/api/settings'), before)
  t.match(await site.health(), bothWell, 'the former password still works')
})

t.test('each wrong setting of AWS is a named refusal, and the former stay', async t => {
  const before = await call('GET', '/api/settings')
  const unreadable = { code: 'INVALID_REQUEST', hint: /openapi/ }
  const rows: Row[] = [
    ['wrong secret', { secretAccessKey: canary }, 422, { code: 'AWS_CREDENTIALS_INVALID', hint: /secret access key/ }],
    ['unknown key', { accessKeyId: 'AKIA0000000000000000' }, 422, { code: 'AWS_CREDENTIALS_INVALID', hint: /active/ }],
    ['stray token', { sessionToken: canary }, 422, { code: 'AWS_CREDENTIALS_INVALID', hint: /./ }],
    ['plain http', { endpoints: { sts: 'http://sts.example' } }, 400, { code: 'AWS_ENDPOINT_INSECURE', hint: /https/ }],
    [
      'password in a URL',
      { endpoints: { sts: `https://u:${canary}@h` } },
      400,
      { code: 'INVALID_REQUEST', hint: /without/ },
    ],
    ['no proxy URL', { proxyUrl: 'http://:99999' }, 400, { code: 'INVALID_REQUEST', hint: /https/ }],
    ['closed proxy', { proxyUrl: 'http://127.0.0.1:1' }, 502, { code: 'AWS_UNREACHABLE', hint: /proxy/ }],
    ['unknown service', { endpoints: { sqs: 'https://sqs.example' } }, 400, unreadable],
    ['a line break', { sessionToken: 'a\nb' }, 400, unreadable],
    ['a Region', { region: 'Frankfurt' }, 400, unreadable],
    ['no time', { sessionExpiresAt: 'tomorrow' }, 400, unreadable],
    ['no such time', { sessionExpiresAt: '2026-19-01T00:00:00Z' }, 400, { code: 'INVALID_REQUEST', hint: /2026/ }],
    ['a role', { assumeRoleArn: 'arn:aws:iam::1:role/x' }, 400, unreadable],
    ['an unknown key', { colour: 'green' }, 400, unreadable],
  ]
  for (const [what, change, status, wanted] of rows) {
    const answer = await call<Refusal>('PUT', '/api/settings/aws', { ...site.awsBody(), ...change })
    t.match(answer, { status, body: wanted }, what)
    t.notOk(JSON.stringify(answer).includes(canary), what)
  }
  await lab.awsControl('POST', '/faults', { service: 'sts', kind: 'expiredToken' })
  t.match(await call('PUT', '/api/settings/aws', site.awsBody()), {
    status: 422,
    body: { code: 'AWS_CREDENTIALS_EXPIRED', hint: /fresh/ },
  })
  await lab.awsControl('POST', '/clock', { skewMs: 1_200_000 })
  t.match(await call('PUT', '/api/settings/aws', site.awsBody()), { status: 422, body: { code: 'AWS_CLOCK_SKEW' } })
  await lab.awsControl('POST', '/clock', { skewMs: 0 })
  t.same(await call('GET', '/api/settings'), before)
  t.match(await site.health(), bothWell, 'the former key still works')
})

t.test('registration: refused without its role, then whole, repaired and taken back', async t => {
  await lab.awsControl('DELETE', '/roles/vmimport')
  t.match(await call('POST', '/api/registration'), { status: 422, body: { code: 'IMPORT_ROLE_MISSING' } })
  await lab.awsControl('POST', '/roles/vmimport', {})
  const { body } = await call<{ bucket: string }>('POST', '/api/registration')
  t.match(body, { registered: true, bucket: /^hoist-/, accountId: lab.aws.accountId })
  t.same(await call('POST', '/api/registration'), { status: 200, body })
  t.same(await call('GET', '/api/registration'), { status: 200, body })
  t.match(await call('DELETE', '/api/registration'), { status: 200, body: { registered: false } })
  const { extensions } = await lab.vcenterControl<{ extensions: unknown[] }>('GET', '/state')
  t.notMatch(JSON.stringify(extensions), /hoist/)
  t.same(await call('POST', '/api/registration'), { status: 200, body })
})

t.test('settings that change at the same moment end as one of them, whole', async t => {
  const bodies = [lab.vcenter.admin, lab.vcenter.connector].map(account => ({ ...site.vcenterBody(), ...account }))
  const answers = await Promise.all([...bodies, ...bodies].map(body => call('PUT', '/api/settings/vcenter', body)))
  for (const { status } of answers) t.equal(status, 200)
  t.match(await site.health(), bothWell)
})

t.test('no secret is in the data directory or in the log', async t => {
  const dataDir = t.testdir()
  const lines: string[] = []
  const app = await createApp(
    siteConfig(dataDir),
    createLogger({ logLevel: 'trace' }, { write: text => void lines.push(text) }),
  )
  const { admin } = lab.vcenter
  const put = (url: string, payload: object) =>
    app.api.inject({ method: 'PUT', url, payload, headers: { authorization: `Bearer ${app.token}` } })
  t.equal((await put('/api/settings/vcenter', { ...site.vcenterBody(), ...admin })).statusCode, 200)
  t.equal((await put('/api/settings/aws', site.awsBody())).statusCode, 200)
  t.equal((await put('/api/settings/vcenter', { ...site.vcenterBody(), password: canary })).statusCode, 422)
  t.equal((await put('/api/settings/aws', { ...site.awsBody(), secretAccessKey: canary })).statusCode, 422)
  t.equal(
    (await put('/api/settings/vcenter', { ...site.vcenterBody(), host: '127.0.0.1:1', password: canary })).statusCode,
    502,
  )
  const secrets = [admin.password, lab.aws.connector.secretAccessKey, canary]
  const find = async () => {
    const files = await readdir(dataDir, { recursive: true, withFileTypes: true })
    for (const file of files.filter(entry => entry.isFile())) {
      const bytes = await readFile(join(file.parentPath, file.name))
      for (const secret of secrets) t.notOk(bytes.includes(secret), file.name)
    }
    return files.map(file => file.name)
  }
  t.ok((await find()).includes('hoist.db-wal'))
  await app.stop()
  t.ok((await find()).includes('hoist.db'))
  const log = lines.join('')
  t.match(log, /VCENTER_UNREACHABLE/)
  for (const secret of [...secrets, app.token]) t.notOk(log.includes(secret))
})
