// Plain HTTP is sent to https, by requests as browsers send them and as nobody should.
import { once } from 'node:events'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { type RedirectOptions, serveRedirect } from '../appliance/redirect.ts'

async function start(t: Test, options: Partial<RedirectOptions> = {}): Promise<number> {
  const ownName = () => 'hoist.example'
  const redirect = await serveRedirect({ host: '127.0.0.1', port: 0, httpsPort: 443, ownName, ...options })
  t.teardown(() => redirect.stop())
  return redirect.port
}

/** Everything that comes back until the other side ends. */
async function send(port: number, raw: string, host = '127.0.0.1'): Promise<string> {
  const socket = connect({ host, port })
  socket.write(raw, 'latin1')
  try {
    return await text(socket)
  } catch {
    return '' // Cut off.
  }
}

const location = (answer: string) => /^location: (.*)\r$/m.exec(answer)?.[1]
const ask = async (port: number, host: string, path = '/') =>
  location(await send(port, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`))

t.test('a request is answered with 308 to the same name and path, with no body, and the connection ends', async t => {
  const port = await start(t)
  const answer = await send(port, 'GET /servers?state=on HTTP/1.1\r\nHost: hoist.corp:80\r\n\r\n')
  t.match(answer, /^HTTP\/1\.1 308 Permanent Redirect\r\n/)
  t.equal(location(answer), 'https://hoist.corp/servers?state=on')
  t.match(answer, /\r\nconnection: close\r\n/i)
  t.match(answer, /\r\ncache-control: no-store\r\n/)
  t.match(answer, /\r\ncontent-length: 0\r\n/)
  t.ok(answer.endsWith('\r\n\r\n'))
})

t.test('every method is answered alike, with its body unread and without a 100 Continue', async t => {
  const port = await start(t)
  for (const method of ['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE'])
    t.match(
      await send(port, `${method} /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello`),
      /^HTTP\/1\.1 308 /,
      method,
    )
  for (const expect of ['100-continue', 'something else']) {
    const answer = await send(port, `POST /x HTTP/1.1\r\nHost: h\r\nExpect: ${expect}\r\nContent-Length: 5\r\n\r\n`)
    t.match(answer, /^HTTP\/1\.1 308 /, expect)
  }
  const upgrade = 'GET /x HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'
  t.match(await send(port, upgrade), /^HTTP\/1\.1 308 /)
  t.match(
    await send(port, 'OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n'),
    /^HTTP\/1\.1 308 [\s\S]*location: https:\/\/h\/\r\n/,
  )
})

t.test('names and addresses are taken from the Host header', async t => {
  const port = await start(t)
  const taken: [string, string][] = [
    ['hoist', 'https://hoist/'],
    ['Hoist.Corp.Example', 'https://Hoist.Corp.Example/'],
    ['192.0.2.10', 'https://192.0.2.10/'],
    ['192.0.2.10:80', 'https://192.0.2.10/'],
    ['[2001:db8::1]', 'https://[2001:db8::1]/'],
    ['[2001:db8::1]:8080', 'https://[2001:db8::1]/'],
    [`${'a'.repeat(63)}.b`, `https://${'a'.repeat(63)}.b/`],
  ]
  for (const [host, expected] of taken) t.equal(await ask(port, host), expected, host)
})

t.test('a Host header that is no name is answered with the own name', async t => {
  const port = await start(t)
  const hostile = [
    '',
    'user@evil.example',
    'hoist:80@evil.example',
    'evil.example/path',
    'evil.example?x',
    'evil.example#x',
    'evil.example\\x',
    'evil.example%2f',
    'a b',
    'a\tb',
    '-a.example',
    'a-.example',
    'a..example',
    '.example',
    'example.',
    'under_score',
    '"><script>',
    'h\u00f6ist',
    'a:b',
    'a:123456',
    'a:80:80',
    'https://evil.example',
    '[::1',
    '::1',
    '[evil.example]',
    '[fe80::1%eth0]',
    '[::1]evil.example',
    `${'a'.repeat(64)}.example`,
    `${'a.'.repeat(130)}a`,
  ]
  for (const host of hostile) t.equal(await ask(port, host), 'https://hoist.example/', JSON.stringify(host))
  const without = await send(port, 'GET / HTTP/1.0\r\n\r\n')
  t.equal(location(without), 'https://hoist.example/', 'HTTP/1.0 has none')
  t.equal(location(await send(port, 'GET / HTTP/1.1\r\n\r\n')), 'https://hoist.example/', 'HTTP/1.1 without one')
  const two = await send(port, 'GET / HTTP/1.1\r\nHost: hoist\r\nHost: evil.example\r\n\r\n')
  t.not(location(two), 'https://evil.example/')
})

t.test('whatever the path is, it stays behind the name', async t => {
  const port = await start(t)
  const paths: [string, string][] = [
    ['//evil.example/x', 'https://h//evil.example/x'],
    ['/\\evil.example', 'https://h/\\evil.example'],
    ['/a?b=https://evil.example', 'https://h/a?b=https://evil.example'],
    ['/%0d%0aSet-Cookie:x', 'https://h/%0d%0aSet-Cookie:x'],
    ['http://evil.example/x', 'https://h/'],
    [`/${'x'.repeat(1900)}`, `https://h/${'x'.repeat(1900)}`],
    [`/${'x'.repeat(3000)}`, 'https://h/'],
  ]
  for (const [path, expected] of paths) {
    const where = await ask(port, 'h', path)
    t.equal(where, expected, path.slice(0, 40))
    t.equal(new URL(where ?? '').hostname, 'h')
  }
  const outsideAscii = await send(port, 'GET /h\u00f6 HTTP/1.1\r\nHost: h\r\n\r\n')
  t.match(outsideAscii, /^(HTTP\/1\.1 308 [\s\S]*location: https:\/\/h\/\r\n[\s\S]*)?$/)
  t.notMatch(await send(port, 'GET /a\rSet-Cookie:x HTTP/1.1\r\nHost: h\r\n\r\n'), /set-cookie/i)
})

t.test('what is no request, is too large or asks for a tunnel is cut off without a word', async t => {
  const port = await start(t)
  t.equal(await send(port, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03hello of TLS'), '')
  t.equal(await send(port, 'nonsense\r\n\r\n'), '')
  t.equal(await send(port, `GET / HTTP/1.1\r\nHost: h\r\nX: ${'x'.repeat(9000)}\r\n\r\n`), '')
  t.equal(await send(port, 'CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n'), '')
})

t.test('whoever sends nothing, or forever, is cut off within seconds', async t => {
  const port = await start(t)
  const began = performance.now()
  const slow = connect({ host: '127.0.0.1', port }).on('error', () => undefined)
  slow.write('GET / HTTP/1.1\r\nHost: h\r\n')
  const drip = setInterval(() => slow.write('X: y\r\n'), 200)
  const silent = connect({ host: '127.0.0.1', port })
  const answers = await Promise.all([text(slow).catch(() => ''), text(silent)])
  clearInterval(drip)
  t.same(answers, ['', ''])
  t.ok(performance.now() - began < 9_000)
})

t.test('more connections than there is room for are not taken', async t => {
  const port = await start(t)
  const sockets = Array.from({ length: 64 }, () => connect({ host: '127.0.0.1', port }))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  await Promise.all(sockets.map(socket => once(socket, 'connect')))
  t.equal(await send(port, 'GET / HTTP/1.1\r\nHost: h\r\n\r\n'), '')
  for (const socket of sockets) socket.destroy()
  let answer = ''
  while (answer === '') answer = await send(port, 'GET / HTTP/1.1\r\nHost: h\r\n\r\n')
  t.match(answer, /^HTTP\/1\.1 308 /, 'and are, as soon as there is')
})

t.test('a page that is not on 443 is named with its port', async t => {
  const port = await start(t, { httpsPort: 8443 })
  t.equal(await ask(port, 'hoist:80', '/x'), 'https://hoist:8443/x')
})

t.test('an own name that is none is replaced by localhost, and the usual one is the machine’s', async t => {
  t.equal(await ask(await start(t, { ownName: () => 'not a name' }), ''), 'https://localhost/')
  const redirect = await serveRedirect({ host: '127.0.0.1', port: 0, httpsPort: 443 })
  t.teardown(() => redirect.stop())
  t.match(await ask(redirect.port, ''), /^https:\/\/[A-Za-z0-9.-]+\/$/)
})

const withoutIpv6 = Object.values(networkInterfaces()).some(list => list?.some(entry => entry.address === '::1'))
  ? false
  : 'this machine has no IPv6'

t.test('on :: it serves IPv6 and IPv4', { skip: withoutIpv6 }, async t => {
  const port = await start(t, { host: '::' })
  for (const host of ['::1', '127.0.0.1'])
    t.match(await send(port, 'GET / HTTP/1.1\r\nHost: h\r\n\r\n', host), /^HTTP\/1\.1 308 /, host)
})

t.test('a port that is taken is an error, and stopping cuts off who is connected', async t => {
  const first = await serveRedirect({ host: '127.0.0.1', port: 0, httpsPort: 443 })
  await t.rejects(serveRedirect({ host: '127.0.0.1', port: first.port, httpsPort: 443 }), { code: 'EADDRINUSE' })
  const connected = connect({ host: '127.0.0.1', port: first.port }).on('error', () => undefined)
  await once(connected, 'connect')
  await first.stop()
  t.equal(await text(connected).catch(() => ''), '')
  await t.rejects(once(connect({ host: '127.0.0.1', port: first.port }), 'connect'), { code: 'ECONNREFUSED' })
})
