// Name, port and TLS of a host, each told apart from the others.
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import t from 'tap'
import { reach } from '../../appliance/health/reach.ts'
import { startLab } from '../lab/lab.ts'

const lab = await startLab({ aws: false })
t.teardown(() => lab.stop())
const trust = { kind: 'pinned', certificatePem: lab.vcenter.certificatePem } as const
const soon = () => AbortSignal.timeout(15_000)

t.test('a host that shows the accepted certificate is reached', async t => {
  t.match(await reach(lab.vcenter.host, trust, soon()), { state: 'success', cause: /ms/ })
})

t.test('a name that DNS does not know', async t => {
  t.match(await reach('vcenter.invalid', trust, soon()), { state: 'error', cause: /DNS/, fix: /DNS servers/ })
})

t.test('a port on which nobody listens', async t => {
  t.match(await reach('127.0.0.1:1', trust, soon()), {
    state: 'error',
    cause: /port 1 \(ECONNREFUSED\)/,
    fix: /firewall/,
  })
})

t.test('another certificate, and something that speaks no TLS', async t => {
  const other = await startLab({ aws: false })
  t.teardown(() => other.stop())
  t.match(await reach(other.vcenter.host, trust, soon()), {
    state: 'error',
    cause: /TLS: .*not the one that was accepted/,
  })
  const mute = createServer(socket => socket.end('hello\n')).listen(0, '127.0.0.1')
  t.teardown(() => mute.close())
  await once(mute, 'listening')
  const { port } = mute.address() as AddressInfo
  t.match(await reach(`127.0.0.1:${port}`, trust, soon()), { state: 'error', cause: /TLS/ })
})

t.test('one that says nothing is given up with the signal', async t => {
  const silent = createServer(() => undefined).listen(0, '127.0.0.1')
  t.teardown(() => silent.close())
  await once(silent, 'listening')
  const { port } = silent.address() as AddressInfo
  await t.rejects(reach(`127.0.0.1:${port}`, trust, AbortSignal.timeout(50)), { name: 'TimeoutError' })
})
