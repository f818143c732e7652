// The manifest (.mf) and the signature over it (.cert). Source: DMTF DSP0243 1.1, "Distribution as a single file".
import { createHash, createPrivateKey, sign, X509Certificate } from 'node:crypto'

export interface ManifestEntry {
  fileName: string
  /** Hexadecimal. */
  sha256: string
}

/** A line for each file, as `sha256sum -c`, openssl and vCenter read it. */
export function formatManifest(entries: readonly ManifestEntry[]): string {
  return entries.map(({ fileName, sha256 }) => line(fileName, sha256)).join('')
}

function line(fileName: string, hexadecimal: string): string {
  if (!/^[\w.-]+$/.test(fileName)) throw new RangeError(`"${fileName}" is no plain file name for a manifest`)
  if (!/^([0-9a-f]{2})+$/.test(hexadecimal)) throw new RangeError(`"${hexadecimal}" is no digest`)
  return `SHA256(${fileName})= ${hexadecimal}\n`
}

export interface Signer {
  /** PEM, without a passphrase. */
  privateKey: string
  /** PEM; certificates of its issuers may follow. */
  certificate: string
}

/**
 * The certificate file: the manifest's RSA signature (PKCS #1 v1.5 over SHA-256), then the certificates as they came. RSA,
 * as VMware's guide for OVF Tool signs; it gives the same bytes each time.
 * @throws Error when the key cannot be read, is no RSA key of at least 2048 bits, or is not the certificate's.
 */
export function formatCertificate(manifestName: string, manifest: string, signer: Signer): string {
  const key = privateKeyOf(signer.privateKey)
  const { modulusLength = 0 } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType !== 'rsa' || modulusLength < 2048)
    throw new Error('an OVA is signed with an RSA key of at least 2048 bits')
  const certificate = certificateOf(signer.certificate)
  if (!certificate.checkPrivateKey(key)) throw new Error('the certificate is not that of the signing key')
  const signature = sign('sha256', Buffer.from(manifest), key).toString('hex')
  return line(manifestName, signature) + signer.certificate.replace(/\r\n/g, '\n').trim().concat('\n')
}

function privateKeyOf(pem: string) {
  try {
    return createPrivateKey(pem)
  } catch {
    // Not the cause: what a parser says of a private key belongs on no screen.
    throw new Error('the signing key cannot be read: it has to be PEM without a passphrase')
  }
}

function certificateOf(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch (error) {
    throw new Error('the signing certificate cannot be read: it has to be PEM', { cause: error })
  }
}

export function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
