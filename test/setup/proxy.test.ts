// The proxy: proven before it is kept, before and after AWS is set up, its password neither shown nor sent elsewhere.
import { once } from 'node:events'
import { createServer, request as forward } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { proxyService } from '../../appliance/setup/proxy.ts'
import { startLab } from '../lab/lab.ts'
import { applianceParts, awsSecret, awsSettings } from './appliance-parts.ts'

const lab = await startLab()
t.teardown(() => lab.stop())

/** A proxy for plain http that wants a user name and password, and remembers who came. */
async function proxyServer(t: Test, wanted?: string) {
  const came: (string | undefined)[] = []
  const server = createServer((request, response) => {
    const given = request.headers['proxy-authorization']
    came.push(given && Buffer.from(given.replace(/^Basic /, ''), 'base64').toString())
    if (wanted !== undefined && came.at(-1) !== wanted) return response.writeHead(407).end()
    const { 'proxy-authorization': _own, ...headers } = request.headers
    const onward = forward(request.url ?? '', { method: request.method ?? 'GET', headers }, answer => {
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(response)
    })
    request.pipe(onward)
  })
  server.on('connect', (request, socket) => {
    came.push(request.url)
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')
  })
  server.listen(0, '127.0.0.1')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, came }
}

async function service(t: Test) {
  const { store, connections } = await applianceParts(t)
  const { settings, secrets } = store
  return { settings, secrets, connections, proxy: proxyService({ settings, secrets, connections }) }
}

t.test('with AWS set up, a proxy is kept only if AWS answers through it', async t => {
  const { settings, connections, proxy } = await service(t)
  await connections.changeAws(awsSettings(lab), awsSecret(lab))
  const server = await proxyServer(t, 'me:p4ss:w/rd')
  await t.rejects(proxy.change({ url: server.url, username: 'me', password: 'wrong' }), { code: /^AWS_/ })
  t.equal(await proxy.view(), undefined)
  t.equal((await settings.getAws())?.proxyUrl, undefined)
  const kept = await proxy.change({ url: server.url, username: 'me', password: 'p4ss:w/rd' })
  t.same(kept, { url: server.url, username: 'me', hasPassword: true })
  t.match(await settings.getAws(), { proxyUrl: server.url, proxyUsername: 'me' })
  t.equal((await connections.aws()).settings.proxyUrl, server.url)
})

t.test('the stored password stays for the same proxy and user, and is sent to no other', async t => {
  const { connections, proxy } = await service(t)
  await connections.changeAws(awsSettings(lab), awsSecret(lab))
  const first = await proxyServer(t, 'me:secret')
  await proxy.change({ url: first.url, username: 'me', password: 'secret' })
  t.match(await proxy.change({ url: first.url, username: 'me' }), { hasPassword: true })
  const other = await proxyServer(t)
  t.same(await proxy.change({ url: other.url, username: 'me' }), { url: other.url, username: 'me', hasPassword: false })
  t.notOk(other.came.some(who => who?.includes('secret')))
})

t.test('an empty body takes the proxy away, with its password', async t => {
  const { settings, secrets, connections, proxy } = await service(t)
  await connections.changeAws(awsSettings(lab), awsSecret(lab))
  const server = await proxyServer(t)
  await proxy.change({ url: server.url, username: 'me', password: 'secret' })
  t.equal(await proxy.change({}), undefined)
  t.equal((await settings.getAws())?.proxyUrl, undefined)
  t.equal(await secrets.get('aws.proxyPassword'), undefined)
})

t.test('before AWS is set up, AWS itself is asked through it; settings of AWS then take it over', async t => {
  const { settings, secrets, connections, proxy } = await service(t)
  const refusing = await proxyServer(t)
  await t.rejects(proxy.change({ url: refusing.url }), { code: 'AWS_UNREACHABLE' })
  t.same([...new Set(refusing.came)], ['sts.us-east-1.amazonaws.com:443'])
  t.equal(await settings.getProxy(), undefined)
  t.equal(await proxy.change({}), undefined, 'none needs no proof')
  const server = await proxyServer(t, 'me:secret')
  await settings.setProxy({ url: server.url, username: 'me' })
  await secrets.set('aws.proxyPassword', 'secret')
  const { aws, secret } = await proxy.fill(awsSettings(lab), awsSecret(lab))
  t.match(aws, { proxyUrl: server.url, proxyUsername: 'me' })
  await connections.changeAws(aws, secret)
  await proxy.keptWith(aws)
  t.match(await proxy.view(), { url: server.url, hasPassword: true })
})

t.test('settings of AWS that name a proxy are what counts from then on', async t => {
  const { settings, proxy } = await service(t)
  const own = { ...awsSettings(lab), proxyUrl: 'http://other:3128' }
  t.same(await proxy.fill(own, awsSecret(lab)), { aws: own, secret: awsSecret(lab) })
  await proxy.keptWith(own)
  t.same(await settings.getProxy(), { url: 'http://other:3128' })
  await proxy.keptWith(awsSettings(lab))
  t.equal(await settings.getProxy(), undefined)
})

t.test('what is no proxy is refused without a request', async t => {
  const { proxy } = await service(t)
  for (const body of [
    { username: 'me' },
    { password: 'x' },
    { url: 'ftp://x' },
    { url: 'http://u:CANARY@x' },
    { url: 'http://' },
  ]) {
    const error = await proxy.change(body).catch(thrown => thrown)
    t.equal(error.code, 'INVALID_REQUEST')
    t.notMatch(error.message, /CANARY/)
  }
})

t.test('without its secret access key AWS cannot be asked', async t => {
  const { secrets, connections, proxy } = await service(t)
  await connections.changeAws(awsSettings(lab), awsSecret(lab))
  await secrets.delete('aws.secretAccessKey')
  await t.rejects(proxy.change({}), { code: 'NOT_CONFIGURED' })
})
