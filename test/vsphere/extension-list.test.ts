// The list of Hoist's registrations: every one of them, and nobody else's.
import t from 'tap'
import { registerExtension } from '../../appliance/vsphere/extension.ts'
import { listRegistrations } from '../../appliance/vsphere/extension-list.ts'
import { startVcenterLab } from './lab-session.ts'

const vcenter = await startVcenterLab(t, {})

t.test('ours are listed, and those of others that vCenter knows are not', async t => {
  const session = await vcenter.connect()
  t.same(await listRegistrations(session), [])
  await registerExtension(session, { connectorId: 'c-1', version: '0.1.0' })
  const other = (key: string, summary: string) =>
    session.call('RegisterExtension', {
      _this: session.content.extensionManager,
      extension: {
        ...{ description: { label: 'l', summary }, key, version: '7' },
        ...{ lastHeartbeatTime: new Date('2030-01-01T00:00:00Z') },
      },
    })
  await other('com.hoist.connector.second', 'Replicates servers to AWS. Connector c-2')
  await other('com.hoist.connectors', 'Replicates servers to AWS. Connector c-3')
  await other('org.example.backup', 'Connector c-4')
  const found = await listRegistrations(session)
  t.match(found, [
    { key: 'com.hoist.connector', connectorId: 'c-1', version: '0.1.0', lastHeartbeatAt: /^\d{4}-/ },
    { key: 'com.hoist.connector.second', connectorId: 'c-2', version: '7', lastHeartbeatAt: /^2030-01-01T00:00:00/ },
  ])
  t.equal(found.length, 2)
})
