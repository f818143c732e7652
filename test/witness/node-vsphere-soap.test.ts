// What a client that is not ours finds in vCenter after our connector has worked there.

import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { extensionKey, registerExtension, unregisterExtension } from '../../appliance/vsphere/extension.ts'
import { exportVm } from '../../appliance/vsphere/transport-nfc.ts'
import { createVmSnapshot, removeVmSnapshot } from '../../appliance/vsphere/vm-snapshot.ts'
import { mebibyte, serverNamed, startVcenterLab } from '../vsphere/lab-session.ts'

interface Testimony {
  servers: number
  extension: { key: string; version: string; description: { label: string; summary: string } } | null
  snapshots: string[]
}

const vcenter = await startVcenterLab(t, {
  vms: [
    { name: 'web01', disks: [{ sizeBytes: 2 * mebibyte }] },
    { name: 'db01', snapshots: ['kept by its owner'], disks: [{ sizeBytes: 2 * mebibyte }] },
  ],
})

async function ask(t: Test): Promise<Testimony> {
  const { host, connector, certificatePem } = vcenter.lab.vcenter
  const ca = join(t.testdir({}), 'vcenter.pem')
  await writeFile(ca, certificatePem)
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [fileURLToPath(new URL('witness.cjs', import.meta.url))],
    {
      timeout: 60_000,
      env: {
        PATH: process.env.PATH,
        NODE_EXTRA_CA_CERTS: ca,
        WITNESS_VCENTER: JSON.stringify({ host, ...connector }),
        WITNESS_EXTENSION: extensionKey,
      },
    },
  )
  return JSON.parse(stdout)
}

t.test('the witness sees our snapshot while it is there, and afterwards only what was there before', async t => {
  const session = await vcenter.connect()
  const { moref } = await serverNamed(session, 'web01')
  const signal = AbortSignal.timeout(120_000)
  const request = { serverMoref: moref, name: 'hoist run 7', description: '', quiesce: false, signal }
  const snapshot = await createVmSnapshot(session, request)
  t.same((await ask(t)).snapshots.sort(), ['hoist run 7', 'kept by its owner'])
  const lease = await exportVm(session, { vmMoref: moref, snapshotMoref: snapshot.moref, signal })
  for (const disk of lease.disks) for await (const chunk of await disk.open(signal)) t.ok(chunk.length > 0)
  await lease.complete()
  await removeVmSnapshot(session, { snapshotMoref: snapshot.moref, serverMoref: moref })
  t.match(await ask(t), { servers: 2, snapshots: ['kept by its owner'] })
})

t.test('the witness sees our registration, as we wrote it, until it is taken away', async t => {
  const session = await vcenter.connect()
  t.equal((await ask(t)).extension, null)
  await registerExtension(session, { connectorId: 'c-42', version: '0.1.0', url: 'https://hoist.test:8443' })
  t.match((await ask(t)).extension, {
    key: extensionKey,
    version: '0.1.0',
    description: { label: 'Hoist', summary: /Connector c-42$/ },
  })
  await unregisterExtension(session)
  t.equal((await ask(t)).extension, null)
})
