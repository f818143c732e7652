// What the host says it sent, against what arrived.
import type { VmdkDigestResult } from '../disk/vmdk-digest.ts'
import type { RunDisk, Server } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import type { ManifestEntry } from '../vsphere/transport-nfc.ts'

interface Received {
  disk: RunDisk
  deviceUrlKey: string
  received?: VmdkDigestResult
}

const hint =
  'Bytes were lost or changed between the host and the appliance. Start the run again; if it happens each time, look at the network and the storage of the host.'

/**
 * Compares size and checksum of every stream with the host's manifest (HttpNfcLeaseGetManifest).
 * @throws {ApplianceError} NFC_MANIFEST_MISMATCH when the host has sent something else, or does not list a disk
 */
export function compareWithHost(server: Server, manifest: ManifestEntry[], transfers: readonly Received[]): void {
  for (const { disk, deviceUrlKey, received } of transfers) {
    const what = `${disk.label} of ${server.name}`
    const entry = manifest.find(({ key }) => key === deviceUrlKey)
    if (!received || !entry) {
      throw new ApplianceError('NFC_MANIFEST_MISMATCH', `The host's manifest does not list ${what}`, { hint })
    }
    if (entry.sizeBytes !== received.streamBytes) {
      throw new ApplianceError(
        'NFC_MANIFEST_MISMATCH',
        `The host sent ${entry.sizeBytes} bytes of ${what}, ${received.streamBytes} arrived`,
        { hint },
      )
    }
    const pair = comparable(entry, received)
    if (pair && pair.theirs.toLowerCase() !== pair.ours) {
      throw new ApplianceError(
        'NFC_MANIFEST_MISMATCH',
        `The host's ${pair.algorithm} of ${what} is ${pair.theirs}, that of what arrived is ${pair.ours}`,
        { hint },
      )
    }
  }
}

/**
 * A checksum that both sides have: `checksum` of `checksumType` since vSphere 6.7, `sha1` before. A host that offers only
 * algorithms that we do not compute is compared by size.
 */
function comparable(
  entry: ManifestEntry,
  received: VmdkDigestResult,
): { algorithm: string; theirs: string; ours: string } | undefined {
  const type = (entry.checksumType ?? 'sha1').toLowerCase()
  if (entry.checksum && type === 'sha256')
    return { algorithm: 'SHA-256', theirs: entry.checksum, ours: received.sha256 }
  if (entry.checksum && type === 'sha1') return { algorithm: 'SHA-1', theirs: entry.checksum, ours: received.sha1 }
  if (entry.sha1) return { algorithm: 'SHA-1', theirs: entry.sha1, ours: received.sha1 }
  return undefined
}
