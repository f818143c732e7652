// The web server's own certificate, looked at with OpenSSL's eyes and used for a connection.
import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { connect, createServer } from 'node:tls'
import t from 'tap'
import {
  ensureWebCertificate,
  installWebCertificate,
  requestWebCertificate,
  viewWebCertificate,
} from '../appliance/web-certificate.ts'

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

/** A site's CA with an intermediate, run by OpenSSL. */
function siteCa(directory: string) {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' })
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  openssl('req', '-x509', ...ec, '-keyout', 'root.key', '-out', 'root.crt', '-subj', '/CN=Site root', '-days', '20')
  openssl('req', ...ec, '-keyout', 'mid.key', '-out', 'mid.csr', '-subj', '/CN=Site intermediate')
  writeFileSync(join(directory, 'mid.ext'), 'basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n')
  const sign = (csr: string, ca: string, out: string, days: string, ext: string[]) =>
    openssl(
      'x509',
      '-req',
      '-in',
      csr,
      '-CA',
      `${ca}.crt`,
      '-CAkey',
      `${ca}.key`,
      '-CAcreateserial',
      '-days',
      days,
      '-out',
      out,
      ...ext,
    )
  sign('mid.csr', 'root', 'mid.crt', '15', ['-extfile', 'mid.ext'])
  const pem = (name: string) => readFileSync(join(directory, name), 'utf8')
  return {
    root: () => pem('root.crt'),
    mid: () => pem('mid.crt'),
    sign(requestPem: string, { ca = 'mid', days = '10', ext = ['-copy_extensions', 'copyall'] } = {}) {
      writeFileSync(join(directory, 'web.csr'), requestPem)
      sign('web.csr', ca, 'signed.crt', days, ext)
      return pem('signed.crt')
    },
  }
}

t.test('a certificate that a CA signed for our request is put in place with its chain in order, and stays', async t => {
  const directory = t.testdir({ data: {}, ca: {} })
  const data = join(directory, 'data')
  const first = await ensureWebCertificate(data)
  t.equal(viewWebCertificate(first.cert).selfSigned, true)
  const ca = siteCa(join(directory, 'ca'))
  const certificatePem = ca.sign(await requestWebCertificate(data, ['hoist.example', '127.0.0.1']))
  const installed = await installWebCertificate(data, { certificatePem, chainPem: `${ca.root()}${ca.mid()}` })
  t.equal(installed.key, first.key)
  t.match(viewWebCertificate(installed.cert), {
    subject: 'CN=hoist.example, O=Hoist',
    issuer: 'CN=Site intermediate',
    selfSigned: false,
    names: ['hoist.example', '127.0.0.1'],
    chain: [{ subject: 'CN=Site intermediate' }, { subject: 'CN=Site root' }],
    thumbprintSha256: installed.thumbprintSha256,
  })
  t.equal((await ensureWebCertificate(data)).cert, installed.cert, 'the next start serves it')
  t.equal(statSync(join(data, 'web.crt')).mode & 0o777, 0o600)
  const server = createServer({ key: installed.key, cert: installed.cert }, socket => socket.end('hello')).listen(
    0,
    '127.0.0.1',
  )
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const socket = connect({ port, host: '127.0.0.1', servername: 'hoist.example', ca: ca.root() })
  const [bytes] = await once(socket, 'data')
  t.equal(String(bytes), 'hello', 'a client that trusts the root only')
  socket.destroy()
})

t.test('what browsers would not take is refused by name, and nothing is changed', async t => {
  const directory = t.testdir({ data: {}, ca: {}, otherCa: {}, other: {} })
  const data = join(directory, 'data')
  const first = await ensureWebCertificate(data)
  const ca = siteCa(join(directory, 'ca'))
  const request = await requestWebCertificate(data, [])
  const good = ca.sign(request)
  await ensureWebCertificate(join(directory, 'other'))
  const refuse = async (why: RegExp, certificatePem: string, chainPem?: string, at?: Date) =>
    t.rejects(installWebCertificate(data, { certificatePem, ...(chainPem === undefined ? {} : { chainPem }) }, at), {
      code: 'WEB_CERTIFICATE_REFUSED',
      message: why,
    })
  await refuse(/no certificate/, 'nothing')
  await refuse(/damaged/, good.replace(/\n..../, '\nAAAA'))
  await refuse(/key/, ca.sign(await requestWebCertificate(join(directory, 'other'), [])))
  await refuse(/signed by itself/, first.cert)
  await refuse(/names no host/, ca.sign(request, { ext: [] }))
  writeFileSync(join(directory, 'ca/client.ext'), 'subjectAltName=DNS:a\nextendedKeyUsage=clientAuth\n')
  await refuse(/serverAuth/, ca.sign(request, { ext: ['-extfile', 'client.ext'] }))
  await refuse(/authority/, ca.sign(request, { ext: ['-extfile', 'mid.ext'] }))
  await refuse(/ended on/, good, ca.mid(), new Date(Date.now() + 12 * dayMs))
  await refuse(/Site intermediate ended/, ca.sign(request, { days: '30' }), ca.mid(), new Date(Date.now() + 16 * dayMs))
  await refuse(/valid only from/, good, ca.mid(), new Date(Date.now() - 2 * dayMs))
  await refuse(/no part of the chain/, good, siteCa(join(directory, 'otherCa')).root())
  t.equal((await ensureWebCertificate(data)).cert, first.cert)
  t.throws(() => viewWebCertificate(''), { code: 'WEB_CERTIFICATE_REFUSED' })
})
