// The registration in vCenter: made, updated, found, taken away.

import t from 'tap'
import { findExtension, registerExtension, unregisterExtension } from '../../appliance/vsphere/extension.ts'
import { startVcenterLab } from './lab-session.ts'

const vcenter = await startVcenterLab(t, {})

t.test('a registration is found again with its connector and version, and a second one updates it', async t => {
  const session = await vcenter.connect()
  t.equal(await findExtension(session), undefined)
  await registerExtension(session, { connectorId: 'c-1', version: '0.1.0' })
  t.match(await findExtension(session), { connectorId: 'c-1', version: '0.1.0', lastHeartbeatAt: /^\d{4}-/ })
  await registerExtension(session, { connectorId: 'c-1', version: '0.2.0', url: 'https://hoist.test:8443' })
  t.match(await findExtension(session), { connectorId: 'c-1', version: '0.2.0' })
})

t.test('a registration is taken away, and to do so twice is fine', async t => {
  const session = await vcenter.connect()
  await unregisterExtension(session)
  t.equal(await findExtension(session), undefined)
  await unregisterExtension(session)
})

t.test('an account that may not register is told which privilege it lacks', async t => {
  const denied = await startVcenterLab(t, { denyPrivileges: { 'hoist@vsphere.local': ['Extension.Register'] } })
  const session = await denied.connect()
  await t.rejects(registerExtension(session, { connectorId: 'c-1', version: '0.1.0' }), {
    code: 'VCENTER_PERMISSION_MISSING',
    message: /Extension\.Register/,
  })
})
