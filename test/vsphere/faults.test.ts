// vCenter's faults by our names.

import t from 'tap'
import { asCode, isFault, localizedFault, vcenterFault } from '../../appliance/vsphere/faults.ts'
import { parseXml } from '../../appliance/vsphere/xml.ts'

const xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'

t.test("a task's fault carries what was being done, its type, vCenter's words and what is special about it", t => {
  const full = parseXml(
    `<error ${xsi}><fault xsi:type="NoDiskSpace"><datastore>vmfs1</datastore></fault><localizedMessage>Full.</localizedMessage></error>`,
  )
  t.match(localizedFault('Creating a snapshot of web01', full), {
    code: 'DATASTORE_FULL',
    statusCode: 507,
    fault: 'NoDiskSpace',
    message: 'Creating a snapshot of web01 failed: NoDiskSpace: Full. (datastore vmfs1)',
  })
  const denied = parseXml(
    `<error ${xsi}><fault xsi:type="NoPermission"><missingPrivileges><privilegeIds>VApp.Export</privilegeIds></missingPrivileges></fault></error>`,
  )
  t.match(localizedFault('X', denied), { code: 'VCENTER_PERMISSION_MISSING', message: /VApp\.Export/ })
  t.match(localizedFault('X', parseXml('<error/>')), { code: 'VCENTER_FAULT' })
  t.end()
})

t.test('a host that only says in words that space ran out is understood', t => {
  for (const text of [
    'No space left on device',
    'There is not enough space on the file system',
    'Insufficient disk space on datastore',
  ]) {
    t.equal(vcenterFault('X', 'GenericVmConfigFault', text).code, 'DATASTORE_FULL', text)
  }
  t.equal(vcenterFault('X', 'GenericVmConfigFault', 'Something else').code, 'VCENTER_FAULT')
  t.end()
})

t.test('a fault is known by its name, and keeps it under another code', t => {
  const fault = vcenterFault('X', 'FileLocked', 'locked')
  t.ok(isFault(fault))
  t.ok(isFault(fault, 'FileFault', 'FileLocked'))
  t.notOk(isFault(fault, 'FileFault'))
  t.notOk(isFault(new Error('FileLocked')))
  const renamed = asCode(fault, 'SNAPSHOT_FAILED', 'do this')
  t.match(renamed, { code: 'SNAPSHOT_FAILED', hint: 'do this', fault: 'FileLocked', message: fault.message })
  t.equal(renamed.cause, fault)
  t.end()
})
