// Privileges: the documented role suffices, and what is missing is named.

import t from 'tap'
import { missingPrivileges, requiredPrivileges } from '../../appliance/vsphere/privileges.ts'
import { startVcenterLab } from './lab-session.ts'

t.test('an account with the documented role lacks nothing', async t => {
  const vcenter = await startVcenterLab(t, {})
  t.same(await missingPrivileges(await vcenter.connect()), [])
})

t.test('each privilege that an account lacks is named with what it is for', async t => {
  const denied = ['VApp.Export', 'VirtualMachine.State.RemoveSnapshot']
  const vcenter = await startVcenterLab(t, { denyPrivileges: { 'hoist@vsphere.local': denied } })
  const missing = await missingPrivileges(await vcenter.connect())
  t.same(new Set(missing.map(privilege => privilege.id)), new Set(denied))
  for (const { purpose } of requiredPrivileges) t.match(purpose, /\S/)
  const { admin } = vcenter.lab.vcenter
  t.same(await missingPrivileges(await vcenter.connect(admin)), [], 'the administrator holds all')
})
