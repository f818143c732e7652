// Keys that releases are signed with: ed25519, the public halves in a directory that only root may write.
import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ApplianceError } from '../errors.ts'
import { ignoreMissing } from '../missing-file.ts'

/** Of an ed25519 signature: RFC 8032, 5.1.6. */
export const signatureBytes = 64

/**
 * Every `*.pem` of a directory. Several are for a change of keys: the new one is shipped before it signs.
 * @throws {ApplianceError} RELEASE_UNTRUSTED when there is none, or one is no ed25519 key
 */
export async function loadReleaseKeys(directory: string): Promise<KeyObject[]> {
  const names = ((await readdir(directory).catch(ignoreMissing)) ?? []).filter(name => name.endsWith('.pem')).sort()
  if (names.length === 0) throw untrusted(`there is no key in ${directory}`)
  return await Promise.all(names.map(name => loadKey(join(directory, name))))
}

/** @throws {TypeError} unless it is a private ed25519 key */
export function refuseOtherKeys(key: KeyObject): void {
  if (key.type !== 'private' || key.asymmetricKeyType !== 'ed25519')
    throw new TypeError('Releases are signed with a private ed25519 key')
}

export function signManifest(manifest: Buffer, privateKey: KeyObject): Buffer {
  refuseOtherKeys(privateKey)
  return sign(null, manifest, privateKey)
}

/** @throws {ApplianceError} RELEASE_UNTRUSTED */
export function verifyManifest(manifest: Buffer, signature: Buffer, keys: readonly KeyObject[]): void {
  if (!keys.some(key => verify(null, manifest, key, signature)))
    throw untrusted('its manifest is not signed by a key that this appliance trusts')
}

async function loadKey(path: string): Promise<KeyObject> {
  try {
    const key = createPublicKey(await readFile(path))
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch (cause) {
    throw untrusted(`${path} holds no public key`, cause)
  }
  throw untrusted(`${path} holds no ed25519 key`)
}

function untrusted(why: string, cause?: unknown): ApplianceError {
  return new ApplianceError('RELEASE_UNTRUSTED', `The release bundle is not trusted: ${why}.`, {
    cause,
    hint: 'Take the bundle from where the appliance came from.',
  })
}
