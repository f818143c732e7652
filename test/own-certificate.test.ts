// Requests to whoever shows the very certificate, over real connections, with certificates that OpenSSL has made.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { createServer } from 'node:tls'
import t, { type Test } from 'tap'
import { requestOfOwn } from '../appliance/own-certificate.ts'

const signal = AbortSignal.timeout(60_000)
const name = '/CN=hoist.example'
const token = { headers: { authorization: 'Bearer secret' } }

/** A CA that signs for any time, and a key of ours with requests for it. */
const directory = t.testdir({ issued: {}, 'index.txt': '', serial: '01\n' })
const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' })
writeFileSync(
  join(directory, 'ca.cnf'),
  `[ca]
default_ca=site
[site]
database=index.txt
serial=serial
new_certs_dir=issued
certificate=ca.crt
private_key=ca.key
default_md=sha256
policy=any
unique_subject=no
[any]
commonName=supplied
`,
)
const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
openssl('req', '-x509', ...ec, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=Site CA')
openssl('req', ...ec, '-keyout', 'web.key', '-out', 'web.csr', '-subj', name)
const read = (file: string) => readFileSync(join(directory, file), 'utf8')
const key = read('web.key')
const ca = read('ca.crt')

function sign(from: string, to: string): string {
  const time = ['-startdate', `${from}000000Z`, '-enddate', `${to}000000Z`]
  openssl('ca', '-batch', '-notext', '-config', 'ca.cnf', '-in', 'web.csr', '-out', 'web.crt', ...time)
  return read('web.crt')
}
const now = sign('20200101', '21200101')

async function listen(t: Test, server: Server) {
  server.listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port, method: 'GET', path: '/ready' }
}

/** A server with this certificate that tells what it was asked. */
async function serve(t: Test, cert: string) {
  const server = createHttpsServer({ key, cert }, ({ method, url, headers }, response) => {
    response.end(JSON.stringify({ method, url, token: headers.authorization }))
  })
  return await listen(t, server)
}

t.test('who shows the certificate is asked: whether it has ended, begins later, or comes with its chain', async t => {
  const ended = sign('20200101', '20210101')
  const later = sign('21200101', '21210101')
  const verify = (pem: string) =>
    execFileSync('openssl', ['verify', '-CAfile', 'ca.crt'], { cwd: directory, input: pem, stdio: 'pipe' })
  t.throws(() => verify(ended), /expired/)
  t.throws(() => verify(later), /not yet valid/)
  for (const [what, cert] of Object.entries({
    now,
    ended,
    later,
    chain: `${now}${ca}`,
    'ended chain': `${ended}${ca}`,
  })) {
    const asked = { ...(await serve(t, cert)), ...token }
    const answer = await requestOfOwn(Buffer.from(cert), asked, signal)
    t.equal(answer.statusCode, 200, what)
    t.strictSame(JSON.parse(await text(answer)), { method: 'GET', url: '/ready', token: 'Bearer secret' })
  }
})

t.test('the certificate of the server counts, not the chain above it, on either side', async t => {
  const asked = await serve(t, now)
  t.equal((await requestOfOwn(Buffer.from(`${now}${ca}`), asked, signal)).resume().statusCode, 200)
  await t.rejects(requestOfOwn(Buffer.from(`${ca}${now}`), asked, signal), /does not show the certificate/)
  await t.rejects(requestOfOwn(Buffer.from(ca), await serve(t, `${now}${ca}`), signal), /does not show the certificate/)
})

t.test(
  'another certificate, be it of the same key, name, issuer and time, is refused before a byte is sent',
  async t => {
    openssl('req', '-x509', '-key', 'web.key', '-out', 'self.crt', '-subj', name)
    const others = { 'signed again': sign('20200101', '21200101'), 'by itself': read('self.crt') }
    for (const [what, cert] of Object.entries(others)) {
      let bytes = 0
      const closed = Promise.withResolvers<void>()
      const server = createServer({ key, cert }, socket => {
        socket.on('data', (piece: Buffer) => {
          bytes += piece.length
          socket.end('HTTP/1.1 204 No Content\r\n\r\n')
        })
        socket.on('error', () => undefined)
      })
      // Not when it is secured: who hangs up at the end of the handshake may be gone before the server sees that.
      server.once('connection', (socket: Socket) => socket.on('close', () => closed.resolve()))
      const asked = { ...(await listen(t, server)), ...token, method: 'POST', body: 'secret' }
      await t.rejects(requestOfOwn(Buffer.from(now), asked, signal), /does not show the certificate/, what)
      await closed.promise
      t.equal(bytes, 0, what)
      // The same server does get the request of who expects it.
      t.equal((await requestOfOwn(Buffer.from(cert), asked, signal)).statusCode, 204, what)
      t.ok(bytes > 0, what)
    }
  },
)

t.test('what is no certificate is no reason to connect', async t => {
  const server = createTcpServer(() => t.fail('connected'))
  const asked = await listen(t, server)
  for (const pem of ['', 'x', key]) await t.rejects(requestOfOwn(Buffer.from(pem), asked, signal))
})

t.test('nobody there, and who hangs up in the handshake or after it, is an error', async t => {
  const own = Buffer.from(now)
  const nobody = { host: '127.0.0.1', port: 1, method: 'GET', path: '/' }
  await t.rejects(requestOfOwn(own, nobody, signal), { code: 'ECONNREFUSED' })
  const plain = createTcpServer(socket => socket.on('error', () => undefined).end('HTTP/1.1 200 OK\r\n\r\n'))
  await t.rejects(requestOfOwn(own, await listen(t, plain), signal))
  const early = createTcpServer(socket => socket.destroy())
  await t.rejects(requestOfOwn(own, await listen(t, early), signal))
  const late = createServer({ key, cert: now }, socket => socket.on('error', () => undefined).destroy())
  await t.rejects(requestOfOwn(own, await listen(t, late), signal))
})

t.test('the signal ends the handshake, the wait for the answer and the answer; no connection is left', async t => {
  const own = Buffer.from(now)
  const sockets = new Set<Socket>()
  const gone = async (server: Server) => {
    for (const socket of sockets) if (!socket.destroyed) await once(socket, 'close')
    sockets.clear()
    server.close()
  }
  const keep = (socket: Socket) => sockets.add(socket.on('error', () => undefined).resume())

  const silent = createTcpServer(keep)
  const handshake = new AbortController()
  silent.on('connection', () => handshake.abort())
  await t.rejects(requestOfOwn(own, await listen(t, silent), handshake.signal), { name: 'AbortError' })
  await gone(silent)

  const slow = createServer({ key, cert: now }, keep)
  const wait = new AbortController()
  slow.on('secureConnection', socket => socket.once('data', () => wait.abort()))
  await t.rejects(requestOfOwn(own, await listen(t, slow), wait.signal), { name: 'AbortError' })
  await gone(slow)

  const endless = createServer({ key, cert: now }, keep)
  const body = new AbortController()
  endless.on('secureConnection', socket => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nand'))
  const answer = await requestOfOwn(own, await listen(t, endless), body.signal)
  setImmediate(() => body.abort())
  await t.rejects(text(answer))
  await gone(endless)

  const before = createTcpServer(keep)
  await t.rejects(requestOfOwn(own, await listen(t, before), AbortSignal.abort()), { name: 'AbortError' })
  await gone(before)
})

t.test('a request that cannot be written leaves no connection', async t => {
  const closed = Promise.withResolvers<void>()
  const server = createServer({ key, cert: now }, socket => socket.on('error', () => undefined).resume())
  server.on('connection', (socket: Socket) => socket.on('close', () => closed.resolve()))
  const asked = { ...(await listen(t, server)), path: '/ no path' }
  await t.rejects(requestOfOwn(Buffer.from(now), asked, signal), { code: 'ERR_UNESCAPED_CHARACTERS' })
  await closed.promise
})
