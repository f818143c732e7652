// The checks of AWS against the lab: all well, then each trouble by its name.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { createAwsClients } from '../../appliance/aws/clients.ts'
import { connectorPolicy, defaultBucketPrefix, selfCheckSid } from '../../appliance/aws/permissions.ts'
import type { Connector } from '../../appliance/domain.ts'
import { ApplianceError } from '../../appliance/errors.ts'
import { awsChecks } from '../../appliance/health/aws-checks.ts'
import { type CheckResult, runCheck } from '../../appliance/health/check.ts'
import { awsCli, awsLab, connect, connectorId, makeBucket } from '../aws/aws-lab.ts'

t.setTimeout(120_000)
const lab = await awsLab(t)
const { clients } = connect(t, lab)
const { accountId, region } = lab.aws
const bucket = await makeBucket(lab, clients)
const connector: Connector = {
  id: connectorId,
  mark: 0,
  generation: 'g',
  bucket,
  bucketRegion: region,
  awsAccountId: accountId,
}
const skews: number[] = []

async function ask(
  options: Partial<Parameters<typeof awsChecks>[0]>,
  ids?: readonly string[],
): Promise<Record<string, CheckResult>> {
  const checks = awsChecks({
    clients: async () => clients,
    connector: async () => connector,
    topicArns: async () => [],
    now: () => new Date(),
    onSkew: skewMs => skews.push(skewMs),
    ...options,
  })
  const asking = {
    signal: new AbortController().signal,
    now: () => new Date(),
    onError: (thrown: unknown) => t.error(thrown),
  }
  const wanted = checks.filter(({ id }) => ids === undefined || ids.includes(id))
  const results = await Promise.all(wanted.map(check => runCheck(check, asking)))
  return Object.fromEntries(results.map(result => [result.id, result]))
}

t.test('before AWS is set up nothing applies', async t => {
  const unset = () => Promise.reject(new ApplianceError('NOT_CONFIGURED', 'Not set up', { hint: '' }))
  for (const { id, state } of Object.values(await ask({ clients: unset }))) t.equal(state, 'notStarted', id)
})

t.test('all is well under the documented policy', async t => {
  const results = await ask({})
  for (const { id, state, cause } of Object.values(results))
    t.equal(state, id === 'network.sns' ? 'notStarted' : 'success', `${id}: ${cause}`)
  t.match(results['aws.permissions'], { cause: /says IAM/ })
  t.ok(Math.abs(skews.at(-1) ?? Number.NaN) < 2_000)
  t.match((await ask({ topicArns: async () => ['arn:aws:sns:x:1:t'] }, ['network.sns']))['network.sns'], {
    state: 'success',
  })
})

t.test('a clock that is off, by a minute and by five', async t => {
  const at = (ms: number) => async () =>
    (await ask({ now: () => new Date(Date.now() + ms) }, ['network.clock']))['network.clock']
  t.match(await at(90_000)(), { state: 'warning', cause: /(89|90)\.\d s ahead/, fix: /NTP/ })
  t.match(await at(-400_000)(), { state: 'error', cause: /behind/ })
})

t.test('permissions, protections, bucket and role, each named when it is missing', async t => {
  const policy = connectorPolicy({ partition: 'aws', accountId, region, bucketPrefix: defaultBucketPrefix })
  const grant = (Statement: object[]) =>
    awsCli(
      lab,
      'iam',
      'put-user-policy',
      '--user-name',
      'connector',
      '--policy-name',
      'connector',
      '--policy-document',
      JSON.stringify({ Version: '2012-10-17', Statement }),
    )
  await grant(policy.Statement.filter(({ Sid }) => Sid !== 'Import'))
  t.match(await ask({}, ['aws.permissions']), {
    'aws.permissions': { state: 'error', cause: 'Missing: ec2:ImportImage, ec2:ImportSnapshot, ec2:RegisterImage.' },
  })
  await grant(policy.Statement.filter(({ Sid }) => Sid !== selfCheckSid))
  t.match(await ask({}, ['aws.permissions']), {
    'aws.permissions': { state: 'success', cause: /None is known to be missing/ },
  })
  await grant(policy.Statement.filter(({ Sid }) => Sid !== 'CheckImportRole'))
  t.match(await ask({}, ['aws.importRole']), { 'aws.importRole': { state: 'warning', fix: /iam:GetRole/ } })
  await grant(policy.Statement)
  await lab.awsControl('DELETE', '/roles/vmimport')
  t.match(await ask({}, ['aws.importRole']), { 'aws.importRole': { state: 'error', cause: /vmimport/ } })
  await awsCli(lab, 's3api', 'delete-public-access-block', '--bucket', bucket)
  t.match(await ask({}, ['aws.bucket']), {
    'aws.bucket': { state: 'error', cause: /lacks the public access block/, fix: /Register/ },
  })
  const { bucket: _none, ...bare } = connector
  t.match(await ask({ connector: async () => bare }, ['aws.bucket']), { 'aws.bucket': { state: 'notStarted' } })
  const gone = async () => ({ ...connector, bucket: 'hoist-gone-1234' })
  t.match(await ask({ connector: gone }, ['aws.bucket']), { 'aws.bucket': { state: 'error', cause: /does not exist/ } })
})

t.test('refused and expired credentials', async t => {
  await lab.awsControl('POST', '/faults', { service: 'sts', kind: 'expiredToken', times: 1 })
  t.match(await ask({}, ['aws.credentials']), { 'aws.credentials': { state: 'error', cause: /expired/i, fix: String } })
  await lab.awsControl('DELETE', '/faults')
})

t.test('endpoints: which of name, port and proxy is in the way', async t => {
  const proxy = createServer((_request, response) => response.writeHead(407).end()).listen(0, '127.0.0.1')
  proxy.on('connect', (_request, socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'))
  t.teardown(() => proxy.close())
  await once(proxy, 'listening')
  const proxyUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
  const endpoint = async (settings: object) => {
    const made = createAwsClients({
      settings: { region, accessKeyId: 'AKIAIOSFODNN7EXAMPLE', importRoleName: 'vmimport', endpoints: {}, ...settings },
      secret: { secretAccessKey: 'x'.repeat(40) },
    })
    t.teardown(() => made.destroy())
    return (await ask({ clients: async () => made }, ['network.sts']))['network.sts']
  }
  t.match(await endpoint({ endpoints: { sts: 'https://sts.invalid' } }), {
    state: 'error',
    fix: /DNS knows no address of sts\.invalid/,
  })
  t.match(await endpoint({ endpoints: { sts: 'http://127.0.0.1:1' } }), {
    state: 'error',
    fix: /Open port 1 .*firewall/,
  })
  t.match(await endpoint({ proxyUrl: 'http://proxy.invalid:3128' }), {
    state: 'error',
    fix: /DNS knows no address of proxy\.invalid/,
  })
  t.match(await endpoint({ proxyUrl }), { state: 'error', fix: /proxy .*refuses/ })
  t.match(await endpoint({ endpoints: { sts: 'http://127.0.0.1:1' }, proxyUrl }), { state: 'error', fix: /proxy/ })
  const through = createServer(async (request, response) => {
    const answer = await fetch(request.url ?? '')
    response.writeHead(answer.status, { date: answer.headers.get('date') ?? '' }).end()
  }).listen(0, '127.0.0.1')
  t.teardown(() => through.close())
  await once(through, 'listening')
  const working = `http://127.0.0.1:${(through.address() as AddressInfo).port}`
  t.match(await endpoint({ endpoints: { sts: lab.aws.endpoint }, proxyUrl: working }), {
    state: 'success',
    cause: /through the proxy 127/,
  })
})
