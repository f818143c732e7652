// Reads a release bundle: nothing of it is believed, kept or decompressed before its signature and its SHA-256 agree.
import { createHash, type KeyObject } from 'node:crypto'
import { ApplianceError } from '../errors.ts'
import { ByteReader } from './byte-reader.ts'
import { signatureBytes, verifyManifest } from './release-keys.ts'
import {
  archiveName,
  damaged,
  manifestName,
  parseManifest,
  product,
  type ReleaseManifest,
  releaseLimits,
  signatureName,
} from './release-manifest.ts'
import { blockBytes, endOfArchive, headerOf, paddingOf, sizeIn } from './tar-entries.ts'
import { compareVersions } from './version.ts'

export interface SignedManifest {
  manifest: ReleaseManifest
  /** Exactly as signed. */
  bytes: Buffer
  signature: Buffer
}

/**
 * The whole bundle: its manifest is verified and admitted first, then its archive's bytes go to `keepArchive`, which must not
 * use them before this returns.
 * @param running the version of the release that runs
 * @param onManifest told of what is admitted, before anything else is kept; what it throws ends it
 * @throws {ApplianceError} RELEASE_DAMAGED, RELEASE_UNTRUSTED, RELEASE_FOREIGN, RELEASE_NOT_NEWER, RELEASE_STEP_MISSING
 */
export async function readRelease(
  source: AsyncIterable<Buffer>,
  keys: readonly KeyObject[],
  running: string,
  keepArchive: (bytes: AsyncIterable<Buffer>) => Promise<void>,
  onManifest?: (manifest: ReleaseManifest) => void | Promise<void>,
): Promise<SignedManifest> {
  const reader = new ByteReader(source)
  try {
    const signed = await readManifest(reader, keys)
    admit(signed.manifest, running)
    await onManifest?.(signed.manifest)
    const { sizeBytes, sha256 } = signed.manifest.archive
    await reader.expect(headerOf({ path: archiveName, sizeBytes, executable: false }), "its archive's header")
    const hash = createHash('sha256')
    await keepArchive(hashed(reader.stream(sizeBytes), hash))
    if (hash.digest('hex') !== sha256) throw damaged('its archive is not the one that was signed')
    await reader.expect(Buffer.alloc(paddingOf({ sizeBytes })), "its archive's padding")
    await reader.expect(endOfArchive, 'its end')
    await reader.end()
    return signed
  } finally {
    await reader.close()
  }
}

async function readManifest(reader: ByteReader, keys: readonly KeyObject[]): Promise<SignedManifest> {
  const sizeBytes = manifestSizeIn(await reader.take(blockBytes))
  if (sizeBytes === undefined) throw damaged('it does not begin with a manifest')
  if (sizeBytes > releaseLimits.manifestBytes) throw damaged(`its manifest has ${sizeBytes} bytes`)
  const bytes = await reader.take(sizeBytes)
  await reader.expect(Buffer.alloc(paddingOf({ sizeBytes })), "its manifest's padding")
  const entry = { path: signatureName, sizeBytes: signatureBytes, executable: false }
  await reader.expect(headerOf(entry), "its signature's header")
  const signature = await reader.take(signatureBytes)
  await reader.expect(Buffer.alloc(paddingOf(entry)), "its signature's padding")
  verifyManifest(bytes, signature, keys)
  return { manifest: parseManifest(bytes), bytes, signature }
}

/** Of a size that no tar header has, there is no header to compare with. */
function manifestSizeIn(header: Buffer): number | undefined {
  try {
    return sizeIn(header, manifestName)
  } catch (cause) {
    throw damaged('it does not begin with a manifest', cause)
  }
}

function admit({ product: found, version, minimumVersion }: ReleaseManifest, running: string): void {
  if (found !== product)
    throw new ApplianceError('RELEASE_FOREIGN', `The release bundle is of "${found}", not of ${product}.`, {
      hint: 'Choose the bundle of this product.',
    })
  if (compareVersions(version, running) <= 0)
    throw new ApplianceError('RELEASE_NOT_NEWER', `The bundle holds release ${version}, and ${running} runs.`, {
      hint: 'Only newer releases are installed: an older one could not read what this one has stored.',
    })
  if (compareVersions(running, minimumVersion) < 0)
    throw new ApplianceError('RELEASE_STEP_MISSING', `Release ${version} needs ${minimumVersion}; ${running} runs.`, {
      hint: `Install release ${minimumVersion} first.`,
    })
}

async function* hashed(source: AsyncIterable<Buffer>, hash: ReturnType<typeof createHash>): AsyncGenerator<Buffer> {
  for await (const bytes of source) {
    hash.update(bytes)
    yield bytes
  }
}
