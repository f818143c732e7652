// The certificate of the appliance's own web server: self-signed, made at the first start, renewed before it ends.
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_kp_serverAuth,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509'
import { ApplianceError } from './errors.ts'
import { createPrivateFile, makePrivateDirectory, readPrivateFile, replacePrivateFile } from './private-file.ts'

const dayMs = 86_400_000
/**
 * Browsers and operating systems refuse longer-lived certificates even from roots that a user trusts (Apple: 825 days), and
 * 397 is what all of them take. The key stays at a renewal, so that who pinned it need not look again.
 */
const validDays = 397
const renewBeforeDays = 30
/** X.520 attributes and RFC 5758's signature algorithm. */
const id = { commonName: '2.5.4.3', organization: '2.5.4.10', ecdsaWithSha256: '1.2.840.10045.4.3.2' }

export interface WebCertificate {
  /** PEM. */
  key: string
  /** PEM. */
  cert: string
  validTo: Date
  /** Upper-case hex pairs with colons: what an admin compares in the browser. */
  thumbprintSha256: string
  /** True when this call made it. */
  renewed: boolean
}

/**
 * The certificate in `dir` (`web.key`, `web.crt`), made or renewed when there is none, when it ends within 30 days, when it
 * is not for this key, or when the machine has another name. One that somebody else issued is never replaced.
 * @throws {ApplianceError} PRIVATE_FILE_UNSAFE when the key is open to others or damaged
 */
export async function ensureWebCertificate(
  dir: string,
  now: Date = new Date(),
  name: string = hostname(),
): Promise<WebCertificate> {
  await makePrivateDirectory(dir)
  const keyPath = join(dir, 'web.key')
  const certPath = join(dir, 'web.crt')
  const key = ((await readPrivateFile(keyPath)) ?? (await createPrivateFile(keyPath, makeKey()))).toString()
  const stored = (await readPrivateFile(certPath))?.toString()
  if (stored !== undefined && isUsable(stored, key, keyPath, name, now)) return describe(key, stored, false)
  const cert = makeCertificate(key, keyPath, name, now)
  await replacePrivateFile(certPath, Buffer.from(cert))
  return describe(key, cert, true)
}

function isUsable(pem: string, key: string, keyPath: string, name: string, now: Date): boolean {
  const certificate = parse(pem)
  if (!certificate?.checkPrivateKey(parseKey(key, keyPath))) return false
  if (certificate.issuer !== certificate.subject) return true
  const from = Date.parse(certificate.validFrom)
  const to = Date.parse(certificate.validTo)
  // A machine whose clock was wrong at its first start made one that begins in the future.
  if (from > now.getTime() || to - now.getTime() < renewBeforeDays * dayMs) return false
  return certificate.checkHost(asHost(name)) !== undefined
}

function parse(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem)
  } catch {
    // A damaged certificate is made anew: it holds nothing that is not in the key.
    return undefined
  }
}

function parseKey(pem: string, path: string) {
  try {
    return createPrivateKey(pem)
  } catch (cause) {
    throw new ApplianceError('PRIVATE_FILE_UNSAFE', `The file ${path} holds no private key.`, {
      cause,
      hint: 'Move it and web.crt away, then start again: new ones are made.',
    })
  }
}

function makeKey(): Buffer {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' }))
}

/** RFC 5280, a certificate of version 3 signed by its own key. */
function makeCertificate(keyPem: string, keyPath: string, name: string, now: Date): string {
  const privateKey = parseKey(keyPem, keyPath)
  const host = asHost(name)
  const serialNumber = randomBytes(16)
  // DER integers are signed and shortest: a first byte of 0x40 to 0x7f is positive and needs no care.
  serialNumber[0] = ((serialNumber[0] ?? 0) & 0x3f) | 0x40
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
  const subject = new Name([attribute(id.commonName, host), attribute(id.organization, 'Hoist')])
  const certificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: toArrayBuffer(serialNumber),
    signature: new AlgorithmIdentifier({ algorithm: id.ecdsaWithSha256 }),
    issuer: subject,
    subject,
    // An hour back: browsers' clocks differ.
    validity: new Validity({
      notBefore: new Date(now.getTime() - 3_600_000),
      notAfter: new Date(now.getTime() + validDays * dayMs),
    }),
    subjectPublicKeyInfo: AsnConvert.parse(spki, SubjectPublicKeyInfo),
    extensions: new Extensions(extensions([...new Set(['localhost', host])])),
  })
  const signed = new Certificate({
    tbsCertificate: certificate,
    signatureAlgorithm: certificate.signature,
    signatureValue: toArrayBuffer(sign('sha256', Buffer.from(AsnConvert.serialize(certificate)), privateKey)),
  })
  return new X509Certificate(Buffer.from(AsnConvert.serialize(signed))).toString()
}

function extensions(hosts: readonly string[]): Extension[] {
  const names = [
    ...hosts.map(dNSName => new GeneralName({ dNSName })),
    ...['127.0.0.1', '::1'].map(iPAddress => new GeneralName({ iPAddress })),
  ]
  return [
    // Not an authority: who trusts it trusts this machine, and nothing that its key might sign.
    extension(id_ce_basicConstraints, true, new BasicConstraints({ cA: false })),
    extension(id_ce_keyUsage, true, new KeyUsage(KeyUsageFlags.digitalSignature)),
    extension(id_ce_extKeyUsage, false, new ExtendedKeyUsage([id_kp_serverAuth])),
    extension(id_ce_subjectAltName, false, new SubjectAlternativeName(names)),
  ]
}

function extension(extnID: string, critical: boolean, value: object): Extension {
  return new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) })
}

function attribute(type: string, utf8String: string): RelativeDistinguishedName {
  return new RelativeDistinguishedName([new AttributeTypeAndValue({ type, value: new AttributeValue({ utf8String }) })])
}

function toArrayBuffer(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer
}

/** Host names are ASCII labels; whatever else a machine may be called, it is still reached as localhost. */
function asHost(name: string): string {
  return /^(?=.{1,64}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i.test(name)
    ? name.toLowerCase()
    : 'localhost'
}

function describe(key: string, cert: string, renewed: boolean): WebCertificate {
  const parsed = new X509Certificate(cert)
  return { key, cert, validTo: new Date(parsed.validTo), thumbprintSha256: parsed.fingerprint256, renewed }
}
