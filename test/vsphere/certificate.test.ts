// Certificates: shown, pinned, changed, expired, signed by a private CA.

import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import t from 'tap'
import type { CertificateTrust } from '../../appliance/domain.ts'
import { fetchCertificate, parseHost, summarizeCertificate } from '../../appliance/vsphere/certificate.ts'
import { SoapClient } from '../../appliance/vsphere/soap.ts'
import { type Identity, makeIdentity, serveTls } from './tls-server.ts'

const answer =
  '<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><CurrentTimeResponse xmlns="urn:vim25"/></Body></Envelope>'

async function callWith(identity: Identity, trust: CertificateTrust): Promise<string> {
  let requests = 0
  const server = await serveTls(identity, (_, response) => {
    requests += 1
    response.end(answer)
  })
  const client = new SoapClient({ host: server.host, trust })
  try {
    await client.call('CurrentTime', {})
    return 'accepted'
  } catch (error) {
    t.equal(requests, 0, 'nothing was sent to a host that is not trusted')
    return (error as { code: string }).code
  } finally {
    client.close()
    await server.close()
  }
}

t.test('a host is a name or an address with an optional port, and nothing else', t => {
  t.same(parseHost('vc.example.org'), { hostname: 'vc.example.org', port: 443 })
  t.same(parseHost('127.0.0.1:8989'), { hostname: '127.0.0.1', port: 8989 })
  t.same(parseHost('[::1]:444'), { hostname: '::1', port: 444 })
  for (const bad of ['', 'https://vc', 'vc/sdk', 'user@vc', 'vc:0', 'vc:99999', 'a b']) {
    t.throws(() => parseHost(bad), { code: 'INVALID_REQUEST' }, bad)
  }
  t.end()
})

t.test('a certificate is shown with the facts that users compare, before anyone trusts it', async t => {
  const identity = makeIdentity({ commonName: 'vc.shown.test' })
  let requests = 0
  const server = await serveTls(identity, () => {
    requests += 1
  })
  t.teardown(() => server.close())
  const summary = await fetchCertificate(server.host)
  t.equal(summary.subject, 'CN=vc.shown.test')
  t.match(summary.thumbprintSha256, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/)
  t.match(summary.thumbprintSha1, /^([0-9A-F]{2}:){19}[0-9A-F]{2}$/)
  t.same(summarizeCertificate(identity.certificatePem), summary)
  t.equal(requests, 0)
})

t.test('a host that is unknown, refuses, or says nothing is unreachable, by its name', async t => {
  const silent = createServer(() => undefined)
  await new Promise<void>(resolve => silent.listen(0, '127.0.0.1', resolve))
  t.teardown(() => silent.close())
  const port = (silent.address() as AddressInfo).port
  const unreachable = (host: string) => ({ code: 'VCENTER_UNREACHABLE', message: new RegExp(`^${host} `) })
  await t.rejects(fetchCertificate('no-such-host.invalid'), unreachable('no-such-host.invalid'))
  await t.rejects(fetchCertificate('127.0.0.1:1'), unreachable('127.0.0.1:1'))
  await t.rejects(fetchCertificate(`127.0.0.1:${port}`, { timeoutMs: 200 }), unreachable(`127.0.0.1:${port}`))
  const reason = new Error('enough')
  const aborted = AbortSignal.abort(reason)
  await t.rejects(fetchCertificate(`127.0.0.1:${port}`, { signal: aborted }), { message: 'enough' })
})

t.test('a port that speaks something else than TLS is told in words, with what to do', async t => {
  for (const greeting of ['HTTP/1.1 400 Bad Request\r\n\r\n', 'SSH-2.0-OpenSSH_9.6\r\n']) {
    const server = createServer(socket => socket.on('error', () => undefined).end(greeting))
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const error = await fetchCertificate(`127.0.0.1:${port}`).catch(thrown => thrown)
    t.match(error, {
      code: 'VCENTER_UNREACHABLE',
      message: `127.0.0.1:${port} answers, but port ${port} does not speak TLS`,
    })
    t.match(error.hint, /443/)
    server.close()
  }
})

t.test('a refused handshake says why, without the source file of OpenSSL', async t => {
  const alert = Buffer.from([21, 3, 3, 0, 2, 2, 70])
  const server = createServer(socket => socket.on('error', () => undefined).once('data', () => socket.end(alert)))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const error = await fetchCertificate(`127.0.0.1:${port}`).catch(thrown => thrown)
  t.match(error, { code: 'VCENTER_UNREACHABLE', message: /the TLS handshake failed \(.*protocol version\)/i })
  t.notMatch(error.message, /\.c:/)
})

t.test('the pinned certificate is accepted whoever signed it, and any other is a changed certificate', async t => {
  const ca = makeIdentity({ commonName: 'private CA', isCa: true })
  const signed = makeIdentity({ issuer: ca })
  const own = makeIdentity()
  const other = makeIdentity()
  const pin = (identity: Identity): CertificateTrust => ({ kind: 'pinned', certificatePem: identity.certificatePem })
  t.equal(await callWith(own, pin(own)), 'accepted')
  t.equal(await callWith(signed, pin(signed)), 'accepted')
  t.equal(await callWith(other, pin(own)), 'VCENTER_CERTIFICATE_CHANGED')
  t.equal(await callWith(signed, pin(ca)), 'VCENTER_CERTIFICATE_CHANGED', 'a pinned CA vouches for nothing but itself')
})

t.test('a pinned certificate that has expired, or is not valid yet, is refused by that name', async t => {
  const day = 86_400_000
  const expired = makeIdentity({ notBefore: new Date(Date.now() - 2 * day), notAfter: new Date(Date.now() - day) })
  const early = makeIdentity({ notBefore: new Date(Date.now() + day), notAfter: new Date(Date.now() + 2 * day) })
  for (const identity of [expired, early]) {
    const trust: CertificateTrust = { kind: 'pinned', certificatePem: identity.certificatePem }
    t.equal(await callWith(identity, trust), 'VCENTER_CERTIFICATE_REFUSED')
  }
})

t.test('a private CA vouches for the certificates that it signed, and for no others', async t => {
  const ca = makeIdentity({ commonName: 'private CA', isCa: true })
  const trust: CertificateTrust = { kind: 'ca', caPem: ca.certificatePem }
  t.equal(await callWith(makeIdentity({ issuer: ca }), trust), 'accepted')
  t.equal(await callWith(makeIdentity(), trust), 'VCENTER_CERTIFICATE_REFUSED')
})
