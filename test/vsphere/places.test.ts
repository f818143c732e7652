// Where things stand: paths through folders, names as people typed them.

import t from 'tap'
import { retrieveServer } from '../../appliance/vsphere/inventory.ts'
import { unescapeName } from '../../appliance/vsphere/places.ts'
import { readObject } from '../../appliance/vsphere/properties.ts'
import { returnedReference, waitForTask } from '../../appliance/vsphere/task.ts'
import { reference } from '../../appliance/vsphere/vim.ts'
import { mebibyte, serverNamed, startVcenterLab } from './lab-session.ts'

t.test('escapes of vCenter in names are undone, and nothing else is', t => {
  t.equal(unescapeName('a%2fb%5Cc%25d'), 'a/b\\c%d')
  t.equal(unescapeName('100%2541'), '100%41', 'one time only')
  t.equal(unescapeName('50%20 %zz'), '50%20 %zz')
  t.end()
})

t.test('a path follows the folders, in an import and for one server alone', async t => {
  const vcenter = await startVcenterLab(t, { vms: [{ name: 'web01', disks: [{ sizeBytes: mebibyte }] }] })
  const session = await vcenter.connect(vcenter.lab.vcenter.admin)
  const { moref, path } = await serverNamed(session, 'web01')
  const vm = reference('VirtualMachine', moref)
  let folder = (await readObject(session, vm, ['parent'])).properties.get('parent')?.text ?? ''
  for (const name of ['production', 'web']) {
    const made = await session.call('CreateFolder', { _this: reference('Folder', folder), name })
    folder = returnedReference(made, 'Folder').moref
  }
  const moving = await session.call('MoveIntoFolder_Task', { _this: reference('Folder', folder), list: [vm] })
  const signal = AbortSignal.timeout(30_000)
  await waitForTask(session, returnedReference(moving, 'Task'), { doing: 'Moving', signal })
  const expected = path.replace('/web01', '/production/web/web01')
  t.equal((await serverNamed(session, 'web01')).path, expected)
  t.equal((await retrieveServer(session, moref)).path, expected)
})
