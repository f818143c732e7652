// NFC export: leases and their files, down to the bytes, and every way in which they break.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import type { VcenterSession } from '../../appliance/vsphere/session.ts'
import {
  type ExportedDisk,
  type ExportLease,
  type ExportRequest,
  exportVm,
} from '../../appliance/vsphere/transport-nfc.ts'
import { createVmSnapshot, removeVmSnapshot } from '../../appliance/vsphere/vm-snapshot.ts'
import { mebibyte, serverNamed, startVcenterLab, type VcenterLab } from './lab-session.ts'

const never = new AbortController().signal
const vms = [
  {
    name: 'web01',
    powerState: 'poweredOn' as const,
    iso: '[vmfs1] iso/debian.iso',
    disks: [
      { sizeBytes: 24 * mebibyte, seed: 1, fill: 0.5, kind: 'noise' as const },
      { sizeBytes: 3 * mebibyte + 512, seed: 2, kind: 'ends' as const },
    ],
  },
  { name: 'off01', powerState: 'poweredOff' as const, disks: [{ sizeBytes: 2 * mebibyte, seed: 3 }] },
]
const vcenter = await startVcenterLab(t, { vms })
const session = await vcenter.connect()

/** Runs the body with a lease on a fresh snapshot of web01, and cleans both up. */
async function withLease(
  body: (lease: ExportLease, snapshotMoref: string) => Promise<void>,
  options: Partial<ExportRequest> = {},
  on: { vcenter: VcenterLab; session: VcenterSession } = { vcenter, session },
): Promise<void> {
  const { moref } = await serverNamed(on.session, 'web01')
  const snapshot = await createVmSnapshot(on.session, {
    serverMoref: moref,
    name: 'hoist',
    description: '',
    quiesce: false,
    signal: never,
  })
  try {
    const request = { vmMoref: moref, serverName: 'web01', snapshotMoref: snapshot.moref, signal: never, ...options }
    const lease = await exportVm(on.session, request)
    try {
      await body(lease, snapshot.moref)
    } finally {
      await lease.abort('the test is over')
    }
  } finally {
    await on.vcenter.clearFaults()
    await removeVmSnapshot(on.session, { snapshotMoref: snapshot.moref, serverMoref: moref })
  }
}

async function readAll(disk: ExportedDisk | undefined, signal: AbortSignal = never): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of (await disk?.open(signal)) ?? []) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

/** SHA-256 of the disk inside a stream, decoded by qemu-img. */
async function decodedSha256(t: Test, stream: Buffer, name: string): Promise<string> {
  const vmdk = join(t.testdir({}), `${name}.vmdk`)
  await writeFile(vmdk, stream)
  await promisify(execFile)('qemu-img', ['convert', '-f', 'vmdk', '-O', 'raw', vmdk, `${vmdk}.raw`])
  return await sha256Of(`${vmdk}.raw`)
}

async function openLeases(): Promise<number> {
  const { leases } = await vcenter.lab.vcenterControl<{ leases: unknown[] }>('GET', '/state')
  return leases.length
}

t.test('each disk of a snapshot arrives under its key with the frozen bytes, and the manifest agrees', async t => {
  await withLease(async (lease, snapshotMoref) => {
    const server = await serverNamed(session, 'web01')
    t.same(lease.disks.map(disk => disk.diskKey).sort(), server.disks.map(disk => disk.key).sort(), 'no ISO among them')
    for (const disk of lease.disks) {
      lease.progress(40)
      const stream = await readAll(disk)
      const { file } = await vcenter.lab.vcenterControl<{ file: string }>(
        'GET',
        `/vms/web01/disks/${disk.diskKey}/frozen?snapshot=${snapshotMoref}`,
      )
      t.equal(await decodedSha256(t, stream, `disk-${disk.diskKey}`), await sha256Of(file))
      const entry = (await lease.manifest()).find(candidate => candidate.key === disk.deviceUrlKey)
      t.equal(entry?.sizeBytes, stream.length)
      t.equal(entry?.sha1, createHash('sha1').update(stream).digest('hex'))
      t.equal(entry?.capacityBytes, server.disks.find(candidate => candidate.key === disk.diskKey)?.sizeBytes)
    }
    await lease.complete()
    t.equal(lease.lost.aborted, false)
  })
  t.equal(await openLeases(), 0)
})

t.test('a server that is powered off is exported without a snapshot', async t => {
  const { moref } = await serverNamed(session, 'off01')
  const lease = await exportVm(session, { vmMoref: moref, signal: never })
  const [disk] = lease.disks
  t.ok((await readAll(disk)).length > 0)
  await lease.complete()
  await lease.abort('after the end this does nothing')
  t.equal(await openLeases(), 0)
})

t.test('a lease is told that we are alive, with the percentage, for as long as it is open', async t => {
  await withLease(
    async lease => {
      await vcenter.receivedMethods()
      lease.progress(250)
      const beats: string[] = []
      while (beats.length < 3)
        beats.push(...(await vcenter.receivedMethods()).filter(is => is === 'HttpNfcLeaseProgress'))
      await lease.complete()
      await vcenter.receivedMethods()
      await new Promise(resolve => setTimeout(resolve, 60))
      t.same(await vcenter.receivedMethods(), [], 'and no longer')
    },
    { progressMs: 20 },
  )
})

t.test(
  'a lease that cannot be completed is aborted, so that it is not in the way of the snapshot’s removal',
  async t => {
    await withLease(async lease => {
      await vcenter.fault({ kind: 'soap', method: 'HttpNfcLeaseComplete', fault: 'SystemError' })
      await t.rejects(lease.complete(), { code: 'VCENTER_FAULT' })
      t.equal(await openLeases(), 0)
    })
  },
)

t.test('a lease that vCenter ends stops the transfers, with the reason that vCenter gives', async t => {
  const hasty = await startVcenterLab(t, { vms, leaseTimeoutSeconds: 0.3 })
  const hastySession = await hasty.connect()
  await hasty.lab.vcenterControl('POST', '/shape', { bytesPerSecond: 1_000_000 })
  const on = { vcenter: hasty, session: hastySession }
  const endsByItself = async (lease: ExportLease) => {
    await t.rejects(readAll(lease.disks[0]), { code: 'NFC_LEASE_LOST', message: /web01.*[Tt]imed ?out/s, hint: /\S/ })
    await t.rejects(lease.manifest(), { code: 'NFC_LEASE_LOST' })
    await t.rejects(lease.complete(), { code: 'NFC_LEASE_LOST' })
  }
  // Signs of life that come too late.
  await withLease(endsByItself, { progressMs: 1000 }, on)
  // Signs of life that come in time and are refused, while nobody reads: the lease tells that it is lost.
  await hasty.fault({ kind: 'soap', method: 'HttpNfcLeaseProgress', fault: 'Timedout', times: -1 })
  await withLease(
    async lease => {
      await new Promise(resolve => lease.lost.addEventListener('abort', resolve))
      t.match(lease.lost.reason, { code: 'NFC_LEASE_LOST' })
      await endsByItself(lease)
    },
    { progressMs: 60 },
    on,
  )
})

t.test('a lease that never gets ready says why', async t => {
  await vcenter.fault({ kind: 'leaseError', fault: 'HostCommunication', message: 'The host is gone.' })
  await t.rejects(
    withLease(async () => assert.fail('there is a lease')),
    {
      code: 'NFC_LEASE_LOST',
      message: /web01.*HostCommunication: The host is gone\./s,
    },
  )
  t.equal(await openLeases(), 0)
})

t.test('refusals, resets and truncations are told apart', async t => {
  await withLease(async lease => {
    const [disk] = lease.disks
    await vcenter.fault({ kind: 'nfcStatus', status: 503 })
    await t.rejects(readAll(disk), { code: 'NFC_REFUSED', message: /web01.*503/s })
    await vcenter.fault({ kind: 'nfcReset', afterBytes: 1_000_000 })
    await t.rejects(readAll(disk), {
      code: 'NFC_INTERRUPTED',
      message: /Disk \d+ of web01: the stream broke after \d+ bytes/,
    })
    const whole = await readAll(disk)
    await vcenter.fault({ kind: 'nfcTruncate', afterBytes: 1_000_000 })
    const short = await readAll(disk)
    t.equal(short.length, 1_000_000, 'a stream that just ends is for the VMDK reader to refuse')
    t.ok(whole.length > short.length)
  })
})

t.test('a session that ends under an export ends the lease: transfer and manifest say so', async t => {
  await withLease(async lease => {
    await vcenter.fault({ kind: 'sessionEnd', method: 'HttpNfcLeaseGetManifest' })
    await t.rejects(lease.manifest(), { code: 'NFC_LEASE_LOST' })
    await t.rejects(readAll(lease.disks[0]), { code: 'NFC_LEASE_LOST' })
  })
})

t.test('a run that is cancelled while the lease gets ready, or while it reads, leaves no lease', async t => {
  const reason = new Error('the user cancelled')
  const abort = new AbortController()
  setTimeout(() => abort.abort(reason), 30)
  await t.rejects(
    withLease(async () => assert.fail('there is a lease'), { signal: abort.signal }),
    reason,
  )
  await withLease(async lease => {
    const stop = new AbortController()
    const reading = readAll(lease.disks[0], stop.signal)
    stop.abort(reason)
    await t.rejects(reading, reason)
  })
  t.equal(await openLeases(), 0)
})

t.test('an account without the right to export is told which privilege it lacks', async t => {
  const denied = await startVcenterLab(t, { vms, denyPrivileges: { 'hoist@vsphere.local': ['VApp.Export'] } })
  const poor = await denied.connect()
  await t.rejects(
    withLease(async () => undefined, {}, { vcenter: denied, session: poor }),
    {
      code: 'VCENTER_PERMISSION_MISSING',
      message: /VApp\.Export/,
    },
  )
})

t.test('files that a host serves itself are read under its own certificate, and without vCenter’s cookie', async t => {
  const own = await startVcenterLab(t, { vms, nfc: { hostUrls: true } })
  const ownSession = await own.connect()
  await withLease(
    async lease => {
      t.ok((await readAll(lease.disks[0])).length > 0)
      const transfers = (
        await own.lab.vcenterControl<{ path?: string; cookie?: boolean }[]>('GET', '/requests?since=0')
      ).filter(request => request.path?.startsWith('/nfc/'))
      t.equal(transfers.length, 1)
      t.notOk(transfers[0]?.cookie)
    },
    {},
    { vcenter: own, session: ownSession },
  )
})
