// The canary: known secrets in every place that takes one, every route and failure driven, and none of them found in the log,
// the bundle, the database, the backups or any answer.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, request as forward } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { connectorPolicy, defaultBucketPrefix } from '../../appliance/aws/permissions.ts'
import { createLogger } from '../../appliance/log.ts'
import { logDirectory, logFiles, openLogFile } from '../../appliance/log-file.ts'
import { awsCli } from '../aws/aws-lab.ts'
import { startSite } from '../site.ts'
import { type OpenApi, samples } from './openapi-samples.ts'
import { planted } from './planted.ts'

t.setTimeout(240_000)
const secrets = planted()
const vcenterPassword = secrets.plant('vCenter password')
const site = await startSite(
  {
    vms: [{ name: 'web01', disks: [{ sizeBytes: 1 << 20 }] }],
    accounts: { connector: { username: 'hoist@vsphere.local', password: vcenterPassword } },
  },
  { scheduleMs: 200, leaseMs: 2_000 },
  dataDir => createLogger({ logLevel: 'trace' }, openLogFile(dataDir)),
)
t.teardown(() => site.stop())
const { app, lab, dataDir } = site
secrets.add('api-token file', app.token)
secrets.add('metrics-token file', readFileSync(join(dataDir, 'metrics-token'), 'utf8').trim())
secrets.add('web key', readFileSync(join(dataDir, 'web.key'), 'utf8').split('\n')[1] ?? '')

const leaks: string[] = []
const statuses = new Map<string, number>()
interface Request {
  method: string
  url: string
  headers?: Record<string, string>
  payload?: unknown
}
/** Sends a request and looks its answer through; `allowed` are the places whose secret it is there to tell. */
async function send({ method, url, headers = {}, payload }: Request, allowed: readonly string[] = []) {
  const answer = await app.api.inject({
    method: method as 'GET',
    url,
    headers,
    ...(payload === undefined ? {} : { payload: payload as object }),
  })
  const said = `${method} ${url.split('?')[0]}: ${answer.statusCode}`
  statuses.set(said, (statuses.get(said) ?? 0) + 1)
  if (answer.statusCode === 500) leaks.push(`internal error at ${said}`)
  const text = Buffer.concat([Buffer.from(JSON.stringify(answer.headers)), answer.rawPayload])
  leaks.push(...secrets.search(said, text).filter(leak => !allowed.some(place => leak.startsWith(`${place} in`))))
  return answer
}
const bearer = { authorization: `Bearer ${app.token}` }
const call = (method: string, url: string, payload?: unknown) =>
  send({ method, url, headers: bearer, ...(payload === undefined ? {} : { payload }) })

/** A proxy that gives away what it was sent: so may any. */
const proxyPassword = secrets.plant('proxy password')
const expected = `Basic ${Buffer.from(`me:${proxyPassword}`).toString('base64')}`
const proxy = createServer((request, response) => {
  const given = request.headers['proxy-authorization']
  if (given !== expected)
    return response
      .writeHead(407, { 'x-you-said': String(given) })
      .end(`who is ${given}: ${JSON.stringify(request.headers)}`)
  const { 'proxy-authorization': _own, ...headers } = request.headers
  const onward = forward(request.url ?? '', { method: request.method ?? 'GET', headers }, answer => {
    response.writeHead(answer.statusCode ?? 500, answer.headers)
    answer.pipe(response)
  })
  onward.on('error', () => response.destroy())
  request.pipe(onward)
}).listen(0, '127.0.0.1')
await once(proxy, 'listening')
t.teardown(() => {
  proxy.closeAllConnections()
  proxy.close()
})
const proxyUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`

t.test('the appliance is claimed, and people sign in: codes, passwords, cookies and tokens', async t => {
  const code = (await app.setupCode()) ?? ''
  secrets.add('setup code', code)
  secrets.add('setup code without dashes', code.replaceAll('-', ''))
  await send({
    method: 'POST',
    url: '/api/setup/code',
    payload: { code: `${code.slice(0, -1)}${code.endsWith('B') ? 'C' : 'B'}` },
  })
  const claimed = await send({ method: 'POST', url: '/api/setup/code', payload: { code } })
  t.equal(claimed.statusCode < 300, true, claimed.body)
  const session = (answer: typeof claimed) => {
    const cookie = /^[^=]+=([^;]+)/.exec(String(answer.headers['set-cookie']))
    secrets.add('session cookie', cookie?.[1] ?? '')
    const { csrf } = answer.json<{ csrf: string }>()
    return { cookie: cookie?.[0] ?? '', 'x-hoist-csrf': csrf }
  }
  const setup = session(claimed)
  const password = secrets.plant('administrator password')
  const made = await send(
    { method: 'POST', url: '/api/setup/administrator', headers: setup, payload: { name: 'jane', password } },
    ['session cookie'],
  )
  t.equal(made.statusCode < 300, true, made.body)
  await send({
    method: 'POST',
    url: '/api/session',
    payload: { name: 'jane', password: secrets.plant('wrong password') },
  })
  const signedIn = session(
    await send({ method: 'POST', url: '/api/session', payload: { name: 'jane', password } }, ['session cookie']),
  )
  const token = await send({
    method: 'POST',
    url: '/api/tokens',
    headers: signedIn,
    payload: { name: 'script', readOnly: true },
  })
  const shown = Object.values(token.json<Record<string, unknown>>()).find(
    value => typeof value === 'string' && value.length >= 40,
  )
  t.ok(shown, token.body)
  secrets.add('API token', String(shown))
  t.equal(
    (await send({ method: 'GET', url: '/api/tokens', headers: { authorization: `Bearer ${shown}` } })).statusCode,
    200,
  )
  const next = secrets.plant('next password')
  await send({
    method: 'PUT',
    url: '/api/session/password',
    headers: signedIn,
    payload: { current: secrets.plant('wrong current password'), next },
  })
  await send({ method: 'PUT', url: '/api/session/password', headers: signedIn, payload: { current: password, next } }, [
    'session cookie',
  ])
  await call('POST', '/api/accounts', { name: 'joe', role: 'operator', password: secrets.plant("operator's password") })
})

t.test('vCenter and AWS are set up by credentials of every kind, wrong ones first', async t => {
  const wrongPassword = { ...site.vcenterBody(), password: secrets.plant('wrong vCenter password') }
  t.equal((await call('PUT', '/api/settings/vcenter', wrongPassword)).statusCode, 422)
  t.equal((await call('PUT', '/api/settings/vcenter', site.vcenterBody())).statusCode, 200)
  const { accountId, region } = lab.aws
  const document = (Statement: object[]) => JSON.stringify({ Version: '2012-10-17', Statement })
  const trust = document([
    { Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${accountId}:user/admin` }, Action: 'sts:AssumeRole' },
  ])
  await awsCli(lab, 'iam', 'create-role', '--role-name', 'session', '--assume-role-policy-document', trust)
  const policy = connectorPolicy({ partition: 'aws', accountId, region, bucketPrefix: defaultBucketPrefix })
  await awsCli(
    lab,
    'iam',
    'put-role-policy',
    '--role-name',
    'session',
    '--policy-name',
    'all',
    '--policy-document',
    document(policy.Statement),
  )
  const role = `arn:aws:iam::${accountId}:role/session`
  const { Credentials: given } = await awsCli<{
    Credentials: { AccessKeyId: string; SecretAccessKey: string; SessionToken: string }
  }>(lab, ...['sts', 'assume-role', '--role-arn', role, '--role-session-name', 'canary'])
  secrets.add('AWS secret access key', given.SecretAccessKey)
  secrets.add('AWS session token', given.SessionToken)
  const aws = {
    ...site.awsBody(),
    ...{ accessKeyId: given.AccessKeyId, secretAccessKey: given.SecretAccessKey, sessionToken: given.SessionToken },
  }
  for (const wrong of [
    { secretAccessKey: secrets.plant('wrong AWS secret access key') },
    { sessionToken: secrets.plant('wrong AWS session token') },
    { proxyUrl, proxyUsername: 'me', proxyPassword: secrets.plant('wrong proxy password') },
    { proxyUrl: `http://me:${secrets.plant('password in the URL of a proxy')}@127.0.0.1:1` },
    { endpoints: { sts: `https://me:${secrets.plant('password in an endpoint')}@127.0.0.1:1` } },
  ]) {
    const { statusCode } = await call('PUT', '/api/settings/aws', { ...aws, ...wrong })
    t.ok(statusCode >= 400, JSON.stringify(Object.keys(wrong)))
  }
  t.equal((await call('PUT', '/api/settings/aws', aws)).statusCode, 200)
  const wrongProxy = { url: proxyUrl, username: 'me', password: secrets.plant('another wrong proxy password') }
  t.ok((await call('PUT', '/api/system/proxy', wrongProxy)).statusCode >= 400)
  const kept = await call('PUT', '/api/system/proxy', { ...wrongProxy, password: proxyPassword })
  t.equal(kept.statusCode, 200, kept.body)
  t.equal((await call('POST', '/api/registration')).statusCode, 200)
})

t.test('channels with passwords and keys, and deliveries that fail', async t => {
  const channel = { name: 'c', events: ['runFailed', 'firstSuccess'] }
  const targets = [
    { kind: 'webhook', url: 'https://hooks.invalid/x', signingKey: secrets.plant('webhook key') },
    { kind: 'webhook', url: proxyUrl, signingKey: secrets.plant('key of a webhook that is refused') },
    {
      ...{
        kind: 'smtp',
        host: 'mail.invalid',
        port: 465,
        security: 'tls',
        username: 'me',
        from: 'a@example.com',
        to: ['b@example.com'],
      },
      password: secrets.plant('mail password'),
    },
  ]
  for (const target of targets) {
    const made = await call('POST', '/api/notifications/channels', { ...channel, target })
    if (made.statusCode >= 300) continue
    const { id } = made.json<{ id: string }>()
    await call('POST', `/api/notifications/channels/${id}/test`)
    await call('PATCH', `/api/notifications/channels/${id}`, {
      target: {
        ...target,
        ...(target.kind === 'smtp'
          ? { password: secrets.plant('next mail password') }
          : { signingKey: secrets.plant('next webhook key') }),
      },
    })
  }
  const { items } = (await call('GET', '/api/notifications/channels')).json<{ items: unknown[] }>()
  t.ok(items.length >= 2)
})

t.test('runs that succeed, and fail in vCenter, in S3 and in EC2', async t => {
  await site.call('POST', '/api/catalog/import')
  while ((await site.call<{ state: string }>('GET', '/api/catalog')).body.state !== 'ready')
    await new Promise(resolve => setTimeout(resolve, 20))
  const run = await site.replicate('web01')
  t.equal(run.state, 'succeeded')
  const { id: jobId } = (await site.call<{ items: { id: string }[] }>('GET', '/api/jobs')).body.items[0] ?? { id: '' }
  const faults: [typeof lab.awsControl, object][] = [
    [lab.vcenterControl, { kind: 'soap', method: 'ExportSnapshot', fault: 'NoPermission', times: 1 }],
    [
      lab.awsControl,
      {
        service: 's3',
        operation: 'CreateMultipartUpload',
        kind: 'error',
        code: 'AccessDenied',
        statusCode: 403,
        times: 1,
      },
    ],
    [lab.awsControl, { service: 'ec2', operation: 'ImportSnapshot', kind: 'expiredToken', times: 1 }],
  ]
  for (const [control, fault] of faults) {
    await control('POST', '/faults', fault).catch(error => t.comment(`${error}`))
    const started = await call('POST', `/api/jobs/${jobId}/runs`)
    t.ok(started.statusCode < 300, started.body)
    const { id } = started.json<{ id: string }>()
    await new Promise(resolve => setTimeout(resolve, 500))
    await call('POST', `/api/runs/${id}/cancel`)
    await site.until(id, ({ endedAt }) => endedAt !== undefined)
    await lab.awsControl('DELETE', '/faults')
    await lab.vcenterControl('DELETE', '/faults')
  }
  t.match(await site.health(), { 'aws.credentials': { state: 'success' } })
})

/** What would take the ground away from under the rest comes last; streams are looked at by themselves. */
const last = [
  'POST /api/connector/decision',
  'DELETE /api/registration',
  'DELETE /api/session',
  'DELETE /api/jobs/{id}',
  'DELETE /api/catalog',
]
const apart = ['GET /api/events', 'GET /api/support/bundle']

t.test(
  'every route: bodies full of secrets, unknown keys, stray queries, strangers with tokens and cookies',
  async t => {
    const document = (await app.api.inject('/api/openapi.json')).json<OpenApi>()
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ line: `${method.toUpperCase()} ${path}`, operation })),
    )
    t.ok(operations.length > 60)
    const ordered = operations
      .filter(({ line }) => !apart.includes(line))
      .toSorted((a, b) => Number(last.includes(a.line)) - Number(last.includes(b.line)))
    for (const { line, operation } of ordered) {
      const [method = '', path = ''] = line.split(' ')
      const url = path.replaceAll(/\{[^}]+\}/g, 'none')
      const stranger = { authorization: `Bearer ${secrets.plant(`a stranger's token at ${line}`)}` }
      const cookie = {
        cookie: `__Host-hoist=${secrets.plant(`a stranger's cookie at ${line}`)}`,
        'x-hoist-csrf': secrets.plant(`a stranger's header at ${line}`),
      }
      await send({ method, url, headers: stranger })
      await send({ method, url, headers: cookie })
      await send({ method, url: `${url}?token=${secrets.plant(`query of ${line}`)}`, headers: bearer })
      const schema = operation.requestBody?.content['application/json']?.schema
      if (!schema) {
        await send({ method, url, headers: bearer })
        if (method !== 'GET')
          await send({ method, url, headers: bearer, payload: { password: secrets.plant(`unasked body of ${line}`) } })
        continue
      }
      for (const body of samples(schema, field => secrets.plant(`${field} of ${line}`)) as Record<string, unknown>[]) {
        await send({
          method,
          url,
          headers: bearer,
          payload: { ...body, password2: secrets.plant(`unknown key of ${line}`) },
        })
        // What is sent for real must not replace the settings in use.
        if (line !== 'PUT /api/policy') await send({ method, url, headers: bearer, payload: body })
        const broken = Object.fromEntries(Object.entries(body).map(([name, value]) => [name, [value]]))
        await send({ method, url, headers: bearer, payload: broken })
      }
      await send({
        ...{ method, url, headers: { ...bearer, 'content-type': 'application/json' } },
        payload: `{"password":"${secrets.plant(`half a body of ${line}`)}`,
      })
    }
    t.comment(
      `${[...statuses.values()].reduce((sum, count) => sum + count, 0)} requests, ${secrets.places().length} secrets`,
    )
  },
)

t.test('a backup goes out and comes in under passphrases, right and wrong', async t => {
  const { name } = (await call('POST', '/api/backups')).json<{ name: string }>()
  const passphrase = secrets.plant('passphrase of an export')
  const exported = await send({
    ...{ method: 'POST', url: `/api/backups/${name}/export`, headers: bearer },
    payload: { passphrase },
  })
  t.equal(exported.statusCode, 200)
  const type = { 'content-type': 'application/octet-stream' }
  await send({
    method: 'PUT',
    url: '/api/backups/upload',
    headers: { ...bearer, ...type },
    payload: exported.rawPayload,
  })
  for (const body of [
    { passphrase: secrets.plant('wrong passphrase of an import') },
    { passphrase: secrets.plant('passphrase of an import'), password: secrets.plant('password of an import') },
    { passphrase: [passphrase] },
  ])
    t.not((await send({ method: 'POST', url: '/api/backups/import', headers: bearer, payload: body })).statusCode, 200)
  await send({ method: 'POST', url: `/api/backups/import?passphrase=${passphrase}`, headers: bearer, payload: {} })
})

t.test('no answer held a secret, and none failed inside', async t => {
  t.strictSame([...new Set(leaks)], [])
})

t.test('the log holds none', async t => {
  const files = logFiles(logDirectory(dataDir))
  const text = Buffer.concat(files.map(path => readFileSync(path)))
  t.ok(text.length > 5_000, 'there is a log')
  t.strictSame(secrets.search('the log', text), [])
})

t.test('bundles hold none, obfuscated or not', async t => {
  for (const query of ['', '?obfuscate=true']) {
    const directory = t.testdir({})
    const { rawPayload, statusCode } = await app.api.inject({ url: `/api/support/bundle${query}`, headers: bearer })
    t.equal(statusCode, 200)
    writeFileSync(join(directory, 'b.tar.gz'), rawPayload)
    execFileSync('tar', ['xzf', 'b.tar.gz'], { cwd: directory })
    const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter(
      name => !name.endsWith('.gz') && statSync(join(directory, name)).isFile(),
    )
    t.ok(names.length >= 9)
    for (const name of names) t.strictSame(secrets.search(name, readFileSync(join(directory, name))), [], name)
  }
})

t.test('the database, its log and the backups hold none', async t => {
  await call('POST', '/api/backups')
  const names = ['hoist.db', 'hoist.db-wal', ...readdirSync(join(dataDir, 'backups')).map(name => `backups/${name}`)]
  t.ok(names.length >= 3)
  for (const name of names) {
    if (existsSync(join(dataDir, name))) t.strictSame(secrets.search(name, readFileSync(join(dataDir, name))), [], name)
  }
})

t.test('the search finds what it should: planted ones are seen in every encoding', async t => {
  const own = planted()
  const secret = own.plant('x')
  const forms = [
    secret,
    `a:${secret}`,
    Buffer.from(secret).toString('base64'),
    Buffer.from(`me:${secret}`).toString('base64'),
    Buffer.from(`you:${secret}!`).toString('base64url'),
    Buffer.from(secret).toString('hex'),
    Buffer.from(secret, 'utf16le'),
  ]
  for (const form of forms) t.same(own.search('here', form), ['x in here'])
  t.same(own.search('here', secret.slice(1)), [])
})
