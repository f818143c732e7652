// The web server's own certificate, looked at with OpenSSL's eyes and used for a connection.
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, statSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { connect, createServer } from 'node:tls'
import t from 'tap'
import { ensureWebCertificate } from '../appliance/web-certificate.ts'

const dayMs = 86_400_000
const now = new Date('2026-03-01T12:00:00Z')

t.test('a new certificate is EC P-256, for 397 days, for localhost, both loopbacks and this machine', async t => {
  const directory = join(t.testdir(), 'data')
  const made = await ensureWebCertificate(directory, now, 'Connector-1')
  t.equal(made.renewed, true)
  t.equal(made.validTo.getTime(), now.getTime() + 397 * dayMs)
  for (const file of ['web.key', 'web.crt']) t.equal(statSync(join(directory, file)).mode & 0o777, 0o600)
  const certificate = new X509Certificate(made.cert)
  t.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1')
  t.equal(certificate.fingerprint256, made.thumbprintSha256)
  t.equal(certificate.ca, false)
  t.ok(certificate.verify(certificate.publicKey))
  for (const host of ['localhost', 'connector-1']) t.ok(certificate.checkHost(host), host)
  for (const ip of ['127.0.0.1', '::1']) t.ok(certificate.checkIP(ip), ip)
  t.notOk(certificate.checkHost('example.com'))
  const text = execFileSync('openssl', ['x509', '-noout', '-text'], { input: made.cert, encoding: 'utf8' })
  t.match(text, /ecdsa-with-SHA256/)
  t.match(text, /TLS Web Server Authentication/)
  t.match(text, /CA:FALSE/)
})

t.test('a client that trusts it connects to localhost', async t => {
  const { key, cert } = await ensureWebCertificate(t.testdir(), new Date(), 'connector-1')
  const server = createServer({ key, cert }, socket => socket.end('hello')).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const socket = connect({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    servername: 'localhost',
    ca: cert,
  })
  const [bytes] = await once(socket, 'data')
  t.equal(String(bytes), 'hello')
  t.equal(socket.authorized, true)
  socket.destroy()
})

t.test('it stays until a month before its end, then is renewed under the same key', async t => {
  const directory = t.testdir()
  const first = await ensureWebCertificate(directory, now, 'a')
  const later = await ensureWebCertificate(directory, new Date(now.getTime() + 366 * dayMs), 'a')
  t.equal(later.renewed, false)
  t.equal(later.cert, first.cert)
  const renewed = await ensureWebCertificate(directory, new Date(now.getTime() + 368 * dayMs), 'a')
  t.equal(renewed.renewed, true)
  t.not(renewed.thumbprintSha256, first.thumbprintSha256)
  t.equal(renewed.key, first.key)
})

t.test('it is made anew for another name, from the future, damaged, or for another key', async t => {
  const directory = t.testdir()
  const first = await ensureWebCertificate(directory, now, 'a')
  t.equal((await ensureWebCertificate(directory, now, 'b')).renewed, true)
  t.equal((await ensureWebCertificate(directory, new Date(now.getTime() - 5 * dayMs), 'b')).renewed, true)
  writeFileSync(join(directory, 'web.crt'), 'damaged')
  t.equal((await ensureWebCertificate(directory, now, 'b')).renewed, true)
  const other = await ensureWebCertificate(join(directory, 'other'), now, 'b')
  t.not(other.key, first.key)
  writeFileSync(join(directory, 'web.crt'), other.cert)
  const repaired = await ensureWebCertificate(directory, now, 'b')
  t.equal(repaired.renewed, true)
  t.ok(new X509Certificate(repaired.cert).verify(new X509Certificate(repaired.cert).publicKey))
  t.equal(repaired.key, first.key)
})

t.test('a certificate that another authority issued for the key is left alone, even when it has ended', async t => {
  const directory = t.testdir()
  await ensureWebCertificate(directory, now, 'a')
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' })
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
    '2',
  )
  openssl('req', '-new', '-key', 'web.key', '-out', 'web.csr', '-subj', '/CN=hoist.example')
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
    '1',
    '-out',
    'web.crt',
  )
  const kept = await ensureWebCertificate(directory, new Date(Date.now() + 10 * dayMs), 'a')
  t.equal(kept.renewed, false)
  t.match(new X509Certificate(kept.cert).issuer, /Site CA/)
})

t.test('a machine with a name that is no host name is still reached as localhost', async t => {
  const made = await ensureWebCertificate(t.testdir(), now, 'bad name_with:things')
  t.equal(new X509Certificate(made.cert).subject, 'CN=localhost\nO=Hoist')
})

t.test('a key that others can read, or that is none, is refused', async t => {
  const directory = t.testdir()
  await ensureWebCertificate(directory, now, 'a')
  chmodSync(join(directory, 'web.key'), 0o644)
  await t.rejects(ensureWebCertificate(directory, now, 'a'), { code: 'PRIVATE_FILE_UNSAFE' })
  chmodSync(join(directory, 'web.key'), 0o600)
  writeFileSync(join(directory, 'web.key'), 'none')
  await t.rejects(ensureWebCertificate(directory, now, 'a'), { code: 'PRIVATE_FILE_UNSAFE', message: /no private key/ })
})
