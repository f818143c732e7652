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
    const sha1 = hostSha1(entry)
    if (sha1 !== undefined && sha1.toLowerCase() !== received.sha1) {
      throw new ApplianceError(
        'NFC_MANIFEST_MISMATCH',
        `The host's SHA-1 of ${what} is ${sha1}, that of what arrived is ${received.sha1}`,
        { hint },
      )
    }
  }
}

/**
 * The host's SHA-1. Since vSphere 6.7 it stands in `checksum` as well, of which `checksumType` tells what it is: a SHA-1
 * unless HttpNfcLeaseSetManifestChecksumType asked for another, which we do not. A host that offers none is compared by size.
 */
function hostSha1({ checksum, checksumType = 'sha1', sha1 }: ManifestEntry): string | undefined {
  return (checksumType.toLowerCase() === 'sha1' && checksum) || sha1 || undefined
}
