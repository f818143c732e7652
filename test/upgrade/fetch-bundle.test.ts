// Bundles from web servers on loopback that redirect, stall, lie and refuse; straight and through a proxy.
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import t, { type Test } from 'tap'
import { checkBundleUrl, type FetchOptions, fetchBundle } from '../../appliance/upgrade/fetch-bundle.ts'
import { makeIdentity, serveTls } from '../vsphere/tls-server.ts'

const identity = makeIdentity({ commonName: 'releases.test' })

async function server(t: Test, listener: RequestListener): Promise<string> {
  const { host, close } = await serveTls(identity, listener)
  t.teardown(close)
  return `https://${host}`
}

const options = (changes: Partial<FetchOptions> = {}): FetchOptions => ({
  signal: new AbortController().signal,
  proxy: undefined,
  mayConnect: () => true,
  caPem: identity.certificatePem,
  ...changes,
})

async function bytesFrom(url: string, given = options()): Promise<string> {
  const { content, close } = await fetchBundle(url, given)
  try {
    return Buffer.concat(await Array.fromAsync(content)).toString()
  } finally {
    close()
  }
}

t.test('the bytes of a file come with the size that the server tells', async t => {
  const at = await server(t, (request, answer) => {
    t.equal(request.headers['accept-encoding'], 'identity')
    answer.setHeader('content-length', 6).end('bundle')
  })
  const source = await fetchBundle(`${at}/hoist-1.1.0.tar`, options())
  t.equal(source.sizeBytes, 6)
  t.equal(Buffer.concat(await Array.fromAsync(source.content)).toString(), 'bundle')
  source.close()
})

t.test('redirects are followed, but not for ever', async t => {
  const at = await server(t, (request, answer) => {
    const left = Number(request.url?.slice(1))
    if (left === 0) answer.end('there')
    else answer.writeHead(302, { location: `/${left - 1}` }).end()
  })
  t.equal(await bytesFrom(`${at}/5`), 'there')
  await t.rejects(bytesFrom(`${at}/6`), { code: 'RELEASE_UNREACHABLE', message: /redirects more than 5 times/ })
})

t.test('a redirect to another scheme, with a user name, or into a private network is refused', async t => {
  let location = ''
  const at = await server(t, (_request, answer) => answer.writeHead(301, { location }).end())
  for (location of [
    'http://127.0.0.1/x',
    'file:///etc/shadow',
    'https://user:word@example.test/',
    'https://10.0.0.1/x',
    'https://192.168.7.1/',
    'https://169.254.169.254/latest/meta-data',
    'https://[::1]/',
    'https://[fd00::1]/',
    'https://localhost:1/',
  ])
    await t.rejects(bytesFrom(`${at}/`), { code: 'RELEASE_ADDRESS_REFUSED' }, location)
})

t.test('the address that was entered may be private, but not one that nobody may connect to', async t => {
  const asked: string[] = []
  const mayConnect = (address: string) => {
    asked.push(address)
    return false
  }
  await t.rejects(bytesFrom('https://127.0.0.1:1/x', options({ mayConnect })), { code: 'RELEASE_ADDRESS_REFUSED' })
  await t.rejects(bytesFrom('https://localhost:1/x', options({ mayConnect })), { code: 'RELEASE_ADDRESS_REFUSED' })
  t.ok(asked.includes('127.0.0.1'))
})

t.test('only https without credentials is an address', async t => {
  for (const url of ['http://host/x.tar', 'ftp://host/x', 'https://u@host/', 'https://u:p@host/', 'x', ''])
    t.throws(() => checkBundleUrl(url), { code: 'RELEASE_ADDRESS_REFUSED' }, url)
  t.equal(checkBundleUrl('https://host/x.tar?a=b').host, 'host')
})

t.test(
  'a server that refuses, is silent, is not there or shows a foreign certificate is named without its path',
  async t => {
    const refusing = await server(t, (_request, answer) => answer.writeHead(403).end('secret words'))
    await t.rejects(bytesFrom(`${refusing}/path?key=word`), {
      code: 'RELEASE_UNREACHABLE',
      message: /^[^?]*127\.0\.0\.1:\d+: it answered with HTTP status 403\.$/,
    })
    const silent = await server(t, () => undefined)
    await t.rejects(bytesFrom(`${silent}/`, options({ answerMs: 50 })), {
      code: 'RELEASE_UNREACHABLE',
      message: /does not answer/,
    })
    const foreign = options({ caPem: makeIdentity({ commonName: 'another' }).certificatePem })
    await t.rejects(bytesFrom(`${refusing}/`, foreign), { code: 'RELEASE_UNREACHABLE', message: /certificate/ })
    await t.rejects(bytesFrom('https://127.0.0.1:1/'), { code: 'RELEASE_UNREACHABLE', message: /ECONNREFUSED/ })
  },
)

t.test('whoever asked can give it up', async t => {
  const silent = await server(t, () => undefined)
  const given = new AbortController()
  const asked = bytesFrom(`${silent}/`, options({ signal: given.signal }))
  given.abort(new Error('given up'))
  await t.rejects(asked, { message: 'given up' })
})

t.test('with a proxy everything goes through it', async t => {
  const at = await server(t, (_request, answer) => answer.end('by proxy'))
  const seen: string[] = []
  const proxy = createServer()
  proxy.on('connect', (request, client) => {
    seen.push(`${request.url} ${request.headers['proxy-authorization']}`)
    const [host = '', port] = String(request.url).split(':')
    const other = connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      other.pipe(client).pipe(other)
    })
    for (const socket of [client, other]) socket.on('error', () => other.destroy())
  })
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    proxy.closeAllConnections()
    proxy.close()
  })
  const through = `http://user:word@127.0.0.1:${(proxy.address() as AddressInfo).port}`
  t.equal(await bytesFrom(`${at}/x`, options({ proxy: { HTTPS_PROXY: through, NO_PROXY: '' } })), 'by proxy')
  t.same(seen, [`${new URL(at).host} Basic ${Buffer.from('user:word').toString('base64')}`])
})
