// Health: each side tried, each failure by its code, and never longer than the caller waits.
import t from 'tap'
import { healthService } from '../../appliance/setup/health.ts'
import { startLab } from '../lab/lab.ts'
import { applianceParts, awsSecret, awsSettings, connectBoth, vcenterSettings } from './appliance-parts.ts'

const lab = await startLab()
t.teardown(() => lab.stop())
const soon = () => AbortSignal.timeout(15_000)

t.test('all is well when both sides answer', async t => {
  const parts = await applianceParts(t)
  const health = healthService(parts.store, parts.connections)
  t.equal(await health.ready(), true)
  await connectBoth(lab, parts)
  t.same(await health.check(soon()), {
    ok: true,
    checks: [
      { name: 'store', ok: true },
      { name: 'vcenter', ok: true },
      { name: 'aws', ok: true },
    ],
  })
})

t.test('each failure has its code and hint, and leaves the other checks alone', async t => {
  const parts = await applianceParts(t)
  const health = healthService(parts.store, parts.connections)
  t.match(await health.check(soon()), {
    ok: false,
    checks: [{ ok: true }, { name: 'vcenter', code: 'NOT_CONFIGURED' }, { name: 'aws', code: 'NOT_CONFIGURED' }],
  })
  await connectBoth(lab, parts)
  await lab.awsControl('POST', '/faults', { service: 'sts', kind: 'expiredToken' })
  t.match(await health.check(soon()), {
    ok: false,
    checks: [{ ok: true }, { ok: true }, { name: 'aws', ok: false, code: 'AWS_CREDENTIALS_EXPIRED', hint: /fresh/ }],
  })
  t.equal((await health.check(soon())).ok, true)
})

t.test('a privilege that was taken away is named', async t => {
  const poor = await startLab({
    aws: false,
    config: { denyPrivileges: { 'hoist@vsphere.local': ['VirtualMachine.State.RemoveSnapshot'] } },
  })
  t.teardown(() => poor.stop())
  const { store, connections } = await applianceParts(t)
  await connections.changeVcenter(vcenterSettings(poor), poor.vcenter.connector.password)
  const { checks } = await healthService(store, connections).check(soon())
  t.match(checks[1], { ok: false, code: 'VCENTER_PERMISSION_MISSING', hint: /VirtualMachine\.State\.RemoveSnapshot/ })
})

t.test('a side that does not answer fails its check when the time is up', async t => {
  const { store, connections } = await applianceParts(t)
  await connections.changeVcenter(vcenterSettings(lab), lab.vcenter.connector.password)
  await connections.changeAws(awsSettings(lab), awsSecret(lab))
  await connections.close()
  await lab.vcenterControl('POST', '/faults', { kind: 'hold', method: 'RetrieveServiceContent' })
  await lab.awsControl('POST', '/faults', { service: 'sts', kind: 'hold' })
  const { checks } = await healthService(store, connections).check(AbortSignal.timeout(300))
  t.match(checks, [{ ok: true }, { code: 'VCENTER_UNREACHABLE' }, { code: 'AWS_UNREACHABLE' }])
  await lab.vcenterControl('DELETE', '/faults')
  await lab.awsControl('DELETE', '/faults')
  const aborted = AbortSignal.abort()
  t.match((await healthService(store, connections).check(aborted)).checks, [{ ok: true }, { ok: false }, { ok: false }])
})

t.test('a store that fails is not ready', async t => {
  const { store, connections } = await applianceParts(t)
  const broken = { ...store, settings: { ...store.settings, getConnector: () => Promise.reject(new Error('gone')) } }
  const health = healthService(broken, connections)
  t.equal(await health.ready(), false)
  t.match((await health.check(soon())).checks[0], { name: 'store', ok: false, code: 'INTERNAL' })
})
