// The host's manifest against what arrived.
import t from 'tap'
import type { VmdkDigestResult } from '../../appliance/disk/vmdk-digest.ts'
import type { RunDisk, Server } from '../../appliance/domain.ts'
import { compareWithHost } from '../../appliance/replication/host-manifest.ts'

const server = { name: 'web01' } as Server
const disk: RunDisk = {
  key: 2000,
  label: 'Hard disk 1',
  sizeBytes: 1,
  readBytes: 1,
  uploadedBytes: 1,
  objectDeleted: false,
}
const received = { streamBytes: 1000, sha1: 'aa11' } as VmdkDigestResult
const transfer = { disk, deviceUrlKey: '/vm-1/SCSI0:0', received }
const entry = { key: '/vm-1/SCSI0:0', sha1: 'AA11', sizeBytes: 1000 }
const mismatch = { code: 'NFC_MANIFEST_MISMATCH', message: /Hard disk 1 of web01/ }

t.test('size and SHA-1 that agree are accepted, in any case of the letters', async t => {
  compareWithHost(server, [entry], [transfer])
  t.pass()
})

t.test('a typed SHA-1 goes before the old one; one of another type does not count', async t => {
  compareWithHost(server, [{ ...entry, sha1: '', checksum: 'AA11', checksumType: 'sha1' }], [transfer])
  t.throws(() => compareWithHost(server, [{ ...entry, checksum: 'cc33', checksumType: 'sha1' }], [transfer]), mismatch)
  compareWithHost(server, [{ ...entry, checksum: 'cc33', checksumType: 'sha256' }], [transfer])
  const other = { ...entry, sha1: 'ab11', checksum: 'cc33', checksumType: 'sha256' }
  t.throws(() => compareWithHost(server, [other], [transfer]), mismatch)
})

t.test('another size, another checksum, a missing entry and a missing stream are mismatches', async t => {
  t.throws(() => compareWithHost(server, [{ ...entry, sizeBytes: 999 }], [transfer]), mismatch)
  t.throws(() => compareWithHost(server, [{ ...entry, sha1: 'ab11' }], [transfer]), mismatch)
  t.throws(() => compareWithHost(server, [], [transfer]), mismatch)
  t.throws(() => compareWithHost(server, [entry], [{ disk, deviceUrlKey: transfer.deviceUrlKey }]), mismatch)
})

t.test('a host without a SHA-1 leaves the size to compare', async t => {
  compareWithHost(server, [{ ...entry, sha1: '', checksum: 'dd', checksumType: 'sha512' }], [transfer])
  t.throws(
    () =>
      compareWithHost(
        server,
        [{ ...entry, sha1: '', sizeBytes: 1, checksum: 'dd', checksumType: 'sha512' }],
        [transfer],
      ),
    mismatch,
  )
})
