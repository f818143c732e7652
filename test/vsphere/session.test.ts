// The session with vCenter: login, refusal, loss in both shapes, keep-alive, logout.

import t from 'tap'
import { retrieveServers } from '../../appliance/vsphere/inventory.ts'
import { VcenterSession } from '../../appliance/vsphere/session.ts'
import { reference } from '../../appliance/vsphere/vim.ts'
import { startVcenterLab } from './lab-session.ts'

const vcenter = await startVcenterLab(t, { generatedVms: 60 })
const { host, connector, certificatePem } = vcenter.lab.vcenter
const trust = { kind: 'pinned', certificatePem } as const
const serviceInstance = reference('ServiceInstance', 'ServiceInstance')

async function sessionCount(): Promise<number> {
  const { sessions } = await vcenter.lab.vcenterControl<{ sessions: unknown[] }>('GET', '/state')
  return sessions.length
}

t.afterEach(() => vcenter.clearFaults())

t.test('a login tells which vCenter it is, and logout leaves no session behind', async t => {
  const before = await sessionCount()
  const session = await vcenter.connect()
  t.match(session.about, { apiType: 'VirtualCenter', version: /^\d+\.\d+/, instanceUuid: /^[0-9a-f-]{36}$/ })
  t.equal(session.soap.apiVersion, session.about.apiVersion)
  t.not(session.sessionKey, '')
  t.equal(await sessionCount(), before + 1)
  await session.close()
  t.equal(await sessionCount(), before)
  await session.close()
  await t.rejects(session.call('CurrentTime', { _this: serviceInstance }), { code: 'VCENTER_SESSION_LOST' })
})

t.test('a wrong password is refused by name, asked once, and the password is in no message', async t => {
  await vcenter.receivedMethods()
  const opening = VcenterSession.open({ host, username: connector.username, password: 'wrong-Secret-1', trust })
  const error = await opening.catch(thrown => thrown)
  t.match(error, { code: 'VCENTER_LOGIN_FAILED', message: /hoist@vsphere\.local/, hint: /\S/ })
  t.notMatch(JSON.stringify(error) + error.stack + error.cause?.stack, 'wrong-Secret-1')
  t.same(
    (await vcenter.receivedMethods()).filter(method => method === 'Login'),
    ['Login'],
    'asked once: a second try could lock the account',
  )
})

t.test('an unknown host, a refused connection and a changed certificate are told apart', async t => {
  const options = { ...connector, trust }
  await t.rejects(VcenterSession.open({ ...options, host: 'no-such-vcenter.invalid' }), {
    code: 'VCENTER_UNREACHABLE',
    message: /no-such-vcenter\.invalid/,
    hint: /DNS/,
  })
  await t.rejects(VcenterSession.open({ ...options, host: '127.0.0.1:1' }), { code: 'VCENTER_UNREACHABLE' })
  await vcenter.fault({ kind: 'certificate', times: -1 })
  await t.rejects(VcenterSession.open({ ...options, host }), {
    code: 'VCENTER_CERTIFICATE_CHANGED',
    message: new RegExp(host),
  })
})

t.test('a session that ended is opened again, once for all who find it lost, in both shapes of the loss', async t => {
  const session = await vcenter.connect()
  const anyCall = () =>
    session.call('FindExtension', { _this: session.content.extensionManager, extensionKey: 'com.vmware.none' })
  const anyRead = () =>
    session.call('RetrievePropertiesEx', {
      _this: session.content.propertyCollector,
      specSet: {
        propSet: { type: 'Folder', all: false, pathSet: ['name'] },
        objectSet: { obj: session.content.rootFolder },
      },
      options: {},
    })
  for (const [shape, call] of Object.entries({ fault: anyCall, missingSet: anyRead })) {
    const method = shape === 'fault' ? 'FindExtension' : 'RetrievePropertiesEx'
    const generation = session.generation
    await vcenter.fault({ kind: 'sessionEnd', method })
    await Promise.all([call(), call(), call(), call()])
    t.equal(session.generation, generation + 1, `one new login after the ${shape}`)
  }
})

t.test('an import whose session ends between two pages goes on with those that are missing', async t => {
  const session = await vcenter.connect()
  const seen: string[] = []
  let pages = 0
  for await (const page of retrieveServers(session, { pageSize: 7 })) {
    seen.push(...page.map(server => server.id))
    pages += 1
    if (pages === 3) await vcenter.fault({ kind: 'sessionEnd', method: 'ContinueRetrievePropertiesEx' })
  }
  t.equal(session.generation, 2)
  t.equal(seen.length, 60)
  t.equal(new Set(seen).size, 60)
})

t.test('a password that is refused at the new login is not tried a second time', async t => {
  const session = await vcenter.connect()
  await vcenter.fault({ kind: 'sessionEnd', method: 'FindExtension' })
  await vcenter.fault({ kind: 'soap', method: 'Login', fault: 'InvalidLogin' })
  const call = () =>
    session.call('FindExtension', { _this: session.content.extensionManager, extensionKey: 'com.vmware.none' })
  await t.rejects(call(), { code: 'VCENTER_LOGIN_FAILED' })
  await vcenter.receivedMethods()
  await t.rejects(call(), { code: 'VCENTER_LOGIN_FAILED' })
  t.same(await vcenter.receivedMethods(), [], 'nothing was sent')
})

t.test('an idle session is kept alive, and a failing keep-alive is seen by health alone', async t => {
  const session = await vcenter.connect({ keepAliveMs: 40 })
  await vcenter.receivedMethods()
  const methods: string[] = []
  while (methods.length < 2) methods.push(...(await vcenter.receivedMethods()))
  t.equal(methods[0], 'CurrentTime')
  t.equal(session.keepAliveFailure, undefined)
  await vcenter.fault({ kind: 'soap', method: 'CurrentTime', fault: 'RuntimeFault', times: -1 })
  while (session.keepAliveFailure === undefined) await vcenter.receivedMethods()
  t.match(session.keepAliveFailure, { code: 'VCENTER_FAULT' })
  await vcenter.clearFaults()
  while (session.keepAliveFailure !== undefined) await vcenter.receivedMethods()
})

t.test('a call that vCenter does not answer ends with the time-out, or with the abort', async t => {
  const session = await vcenter.connect({ timeoutMs: 300 })
  await vcenter.fault({ kind: 'hold', method: 'FindExtension', times: -1 })
  const args = { _this: session.content.extensionManager, extensionKey: 'com.vmware.none' }
  await t.rejects(session.call('FindExtension', args), { code: 'VCENTER_UNREACHABLE', message: new RegExp(host) })
  const signal = AbortSignal.timeout(50)
  await t.rejects(session.call('FindExtension', args, { signal }), { name: 'TimeoutError' })
})

t.test(
  'a vCenter that was away, or swallowed everything for a while, is reached again with the same session',
  async t => {
    const session = await vcenter.connect({ timeoutMs: 300 })
    const now = () => session.call('CurrentTime', { _this: serviceInstance })
    for (const order of [
      { kind: 'away' },
      { kind: 'away', how: 'reset' },
      { kind: 'away', target: 'soap' },
      { kind: 'blackHole' },
      { kind: 'blackHole', target: 'soap' },
    ]) {
      await now()
      await vcenter.fault(order)
      await t.rejects(now(), { code: 'VCENTER_UNREACHABLE' }, JSON.stringify(order))
      await t.rejects(now(), { code: 'VCENTER_UNREACHABLE' }, 'also by a new connection')
      await vcenter.clearFaults()
      await now()
    }
    t.equal(session.generation, 1)
  },
)
