// The endpoints in use, probed unsigned: through the proxy, and told apart when they do not answer.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { createAwsClients } from '../../appliance/aws/clients.ts'
import { endpointUrl, probeEndpoint } from '../../appliance/aws/endpoints.ts'
import type { AwsService, AwsSettings } from '../../appliance/domain.ts'
import { awsLab, connect } from './aws-lab.ts'

const services: AwsService[] = ['s3', 'ec2', 'sts', 'iam', 'sns']

function unconfigured(settings: Partial<AwsSettings> = {}) {
  const clients = createAwsClients({
    settings: {
      region: 'eu-central-1',
      accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
      endpoints: {},
      importRoleName: 'vmimport',
      ...settings,
    },
    secret: { secretAccessKey: 'x'.repeat(40), proxyPassword: 'p4ss' },
  })
  t.teardown(() => clients.destroy())
  return clients
}

t.test('without settings the endpoints are those of the Region and its partition', async t => {
  const clients = unconfigured()
  t.same(
    services.map(service => endpointUrl(clients, service).origin),
    [
      'https://s3.eu-central-1.amazonaws.com',
      'https://ec2.eu-central-1.amazonaws.com',
      'https://sts.eu-central-1.amazonaws.com',
      'https://iam.amazonaws.com',
      'https://sns.eu-central-1.amazonaws.com',
    ],
  )
  t.equal(endpointUrl(unconfigured({ region: 'cn-north-1' }), 'ec2').host, 'ec2.cn-north-1.amazonaws.com.cn')
})

t.test('every service of the lab answers an unsigned request, with its clock', async t => {
  const lab = await awsLab(t)
  const { clients } = connect(t, lab)
  for (const service of services) {
    const { url, dateMs = 0 } = await probeEndpoint(clients, service)
    t.equal(url, lab.aws.endpoint)
    t.ok(Math.abs(dateMs - Date.now()) < 5_000, service)
  }
})

t.test('an endpoint that refuses, hangs or has no name is unreachable', async t => {
  const gone = unconfigured({ endpoints: { sts: 'http://127.0.0.1:1' } })
  await t.rejects(probeEndpoint(gone, 'sts'), { code: 'AWS_UNREACHABLE' })
  const nameless = unconfigured({ endpoints: { sts: 'https://sts.invalid' } })
  await t.rejects(probeEndpoint(nameless, 'sts'), { code: 'AWS_UNREACHABLE' })
  const silent = createServer(() => undefined).listen(0, '127.0.0.1')
  t.teardown(() => silent.closeAllConnections())
  t.teardown(() => silent.close())
  await once(silent, 'listening')
  const hangs = unconfigured({ endpoints: { sts: `http://127.0.0.1:${(silent.address() as AddressInfo).port}` } })
  await t.rejects(probeEndpoint(hangs, 'sts', { signal: AbortSignal.timeout(100) }), { name: 'TimeoutError' })
})

t.test('a proxy is passed through, and one that asks for another password is named', async t => {
  const asked: string[] = []
  const proxy = createServer((_request, response) => response.writeHead(407).end())
  proxy.on('connect', (request, socket) => {
    asked.push(`${request.url} ${request.headers['proxy-authorization']}`)
    // Whatever it is asked for, it says no.
    socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
  })
  proxy.listen(0, '127.0.0.1')
  t.teardown(() => proxy.close())
  await once(proxy, 'listening')
  const proxyUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  const clients = unconfigured({ proxyUrl, proxyUsername: 'me' })
  await t.rejects(probeEndpoint(clients, 'sts'), { code: 'AWS_UNREACHABLE' })
  t.same(asked, [`sts.eu-central-1.amazonaws.com:443 Basic ${Buffer.from('me:p4ss').toString('base64')}`])
  const plain = unconfigured({ proxyUrl, endpoints: { sts: 'http://127.0.0.1:1' } })
  await t.rejects(probeEndpoint(plain, 'sts'), { code: 'AWS_UNREACHABLE', message: /proxy/ })
})
