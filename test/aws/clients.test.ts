import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts'
import t, { type Test } from 'tap'
import { type AwsClientsOptions, createAwsClients } from '../../appliance/aws/clients.ts'
import type { AwsSettings } from '../../appliance/domain.ts'

const identity = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::111122223333:user/hoist</Arn><UserId>u</UserId><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`

function answer(_: IncomingMessage, response: ServerResponse): void {
  response.setHeader('content-type', 'text/xml')
  response.end(identity)
}

async function listen(t: Test, server: Server): Promise<number> {
  await new Promise<void>(ready => server.listen(0, '127.0.0.1', ready))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

function make(t: Test, settings: Partial<AwsSettings>, more: Partial<AwsClientsOptions> = {}) {
  const clients = createAwsClients({
    settings: { region: 'eu-central-1', accessKeyId: 'AKIA', endpoints: {}, importRoleName: 'vmimport', ...settings },
    secret: { secretAccessKey: 'secret' },
    ...more,
  })
  t.teardown(() => clients.destroy())
  return clients
}

const whoAmI = (clients: ReturnType<typeof createAwsClients>, attempts = 1) =>
  clients.call('sts:GetCallerIdentity', sdk => clients.sts.send(new GetCallerIdentityCommand({}), sdk), { attempts })

t.test('plain http is refused everywhere but on this machine, before any client exists', async t => {
  for (const s3 of [
    'http://s3.example.com',
    'http://10.0.0.5:9000',
    'http://127.0.0.1.example.com',
    'ftp://127.0.0.1',
    'nonsense',
  ]) {
    t.throws(() => make(t, { endpoints: { s3 } }), { code: 'AWS_ENDPOINT_INSECURE', message: /s3/ }, s3)
  }
  for (const s3 of ['https://s3.example.com', 'http://127.0.0.1:9000', 'http://localhost:9000', 'http://[::1]:9000']) {
    t.ok(make(t, { endpoints: { s3 } }), s3)
  }
})

t.test('S3 payloads are signed over plain http only', async t => {
  t.equal(make(t, {}).s3OverTls, true)
  t.equal(make(t, { endpoints: { s3: 'https://s3.example.com' } }).s3OverTls, true)
  t.equal(make(t, { endpoints: { s3: 'http://127.0.0.1:1' } }).s3OverTls, false)
})

t.test('an endpoint that is not there is named as unreachable', async t => {
  const server = createServer()
  const port = await listen(t, server)
  await new Promise(closed => server.close(closed))
  const clients = make(t, { endpoints: { sts: `http://127.0.0.1:${port}` } })
  await t.rejects(whoAmI(clients), { code: 'AWS_UNREACHABLE', message: /sts:GetCallerIdentity/ })
})

t.test('plain http goes through the proxy, with its credentials', async t => {
  const target = await listen(t, createServer(answer))
  const seen: (string | undefined)[] = []
  const proxy = createServer((incoming, outgoing) => {
    seen.push(incoming.headers['proxy-authorization'])
    const { url, method, headers } = incoming
    const onward = request(url ?? '', { method, headers }, reply => {
      outgoing.writeHead(reply.statusCode ?? 502, reply.headers)
      reply.pipe(outgoing)
    })
    incoming.pipe(onward)
  })
  const proxyPort = await listen(t, proxy)
  const clients = make(
    t,
    {
      endpoints: { sts: `http://127.0.0.1:${target}` },
      proxyUrl: `http://127.0.0.1:${proxyPort}`,
      proxyUsername: 'hoist',
    },
    { secret: { secretAccessKey: 'secret', proxyPassword: 'p@ss:word' } },
  )
  t.equal((await whoAmI(clients)).Account, '111122223333')
  t.same(seen, [`Basic ${Buffer.from('hoist:p@ss:word').toString('base64')}`])
  t.notMatch(JSON.stringify(clients.settings), /p@ss|p%40ss/)
})

t.test('https goes through a tunnel of the proxy, and its certificate is checked', async t => {
  const directory = await mkdtemp(join(tmpdir(), 'hoist-'))
  t.teardown(() => rm(directory, { recursive: true }))
  const [keyFile, certFile] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
  await promisify(execFile)('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-subj', '/CN=lab', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', keyFile, '-out', certFile],
  ])
  const caPem = await readFile(certFile, 'utf8')
  const target = await listen(t, createTlsServer({ key: await readFile(keyFile), cert: caPem }, answer))
  const tunnels: (string | undefined)[] = []
  const proxy = createServer()
  proxy.on('connect', (incoming, client) => {
    tunnels.push(incoming.headers['proxy-authorization'])
    const server = connect(target, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      server.pipe(client).pipe(server)
    })
    client.on('error', () => server.destroy())
    client.on('close', () => server.destroy())
    server.on('error', () => client.destroy())
  })
  const proxyPort = await listen(t, proxy)
  const settings = { endpoints: { sts: `https://127.0.0.1:${target}` }, proxyUrl: `http://127.0.0.1:${proxyPort}` }
  const asHoist = { ...settings, proxyUsername: 'hoist' }
  const trusting = make(t, asHoist, { caPem, secret: { secretAccessKey: 'secret', proxyPassword: 'secret' } })
  t.equal((await whoAmI(trusting)).Account, '111122223333')
  t.same(tunnels, [`Basic ${Buffer.from('hoist:secret').toString('base64')}`])
  await t.rejects(whoAmI(make(t, settings)), { code: 'AWS_UNREACHABLE', hint: /certificate/ })
})

t.test('a repeated request is told with its cause and action', async t => {
  let asked = 0
  const port = await listen(
    t,
    createServer((incoming, response) => {
      asked++
      if (asked > 1) return answer(incoming, response)
      response.statusCode = 503
      response.end()
    }),
  )
  const seen: string[] = []
  const clients = make(
    t,
    { endpoints: { sts: `http://127.0.0.1:${port}` } },
    { onRetry: (cause, action) => seen.push(`${cause} ${action}`) },
  )
  await whoAmI(clients, 2)
  t.equal(asked, 2)
  t.same(seen, ['server sts:GetCallerIdentity'])
})
