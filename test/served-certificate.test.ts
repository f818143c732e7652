// The certificate of a server that goes on for years: what clients that connect are shown, before and after.
import { once } from 'node:events'
import { hostname } from 'node:os'
import { connect, createServer } from 'node:tls'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { servedCertificate } from '../appliance/served-certificate.ts'
import { ensureWebCertificate } from '../appliance/web-certificate.ts'

const dayMs = 86_400_000
const madeAt = new Date('2026-03-01T12:00:00Z')
const log = pino({ level: 'silent' })

/** A server with the certificate that a machine of this name has made, and what whoever connects to it sees. */
async function serving(t: Test, name: string) {
  const dataDir = t.testdir()
  const made = await ensureWebCertificate(dataDir, madeAt, name)
  let at = madeAt
  const certificate = servedCertificate({ dataDir, certificate: made, now: () => at, log })
  const { key, cert } = made
  const server = createServer({ key, cert }, socket => socket.on('error', () => socket.destroy()))
  certificate.serveBy(server.listen(0, '127.0.0.1'))
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { port } = Object(server.address())
  return {
    made,
    certificate,
    later: (days: number) => {
      at = new Date(madeAt.getTime() + days * dayMs)
    },
    async connected() {
      const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
      await once(socket, 'secureConnect')
      t.teardown(() => socket.destroy())
      return socket
    },
  }
}

t.test('one that ends soon is renewed while the server goes on, and open connections stay', async t => {
  const { made, certificate, later, connected } = await serving(t, hostname())
  const open = await connected()
  later(366)
  await certificate.renew()
  t.equal(certificate.pem(), made.cert, 'not before its last month')
  later(368)
  await certificate.renew()
  t.not(certificate.pem(), made.cert)
  const shown = (await connected()).getPeerX509Certificate()
  t.equal(shown?.toString(), certificate.pem())
  t.equal(certificate.service.view().thumbprintSha256, shown?.fingerprint256)
  t.equal(certificate.state().validTo.getTime(), madeAt.getTime() + (368 + 397) * dayMs)
  t.equal(open.destroyed, false)
})

t.test('one for the former name of the machine is replaced', async t => {
  const { certificate, connected } = await serving(t, 'another-name')
  await certificate.renew()
  t.ok((await connected()).getPeerX509Certificate()?.checkHost(hostname()))
  t.notOk(certificate.service.view().names.includes('another-name'))
})
