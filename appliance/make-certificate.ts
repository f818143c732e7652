// X.509 for the appliance's own web server: a key, a certificate signed by itself, a request for one signed by a CA.
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto'
import { isIP } from 'node:net'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import {
  AlgorithmIdentifier,
  Attribute,
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

const dayMs = 86_400_000
/** X.520 attributes, RFC 5758's signature algorithm and RFC 2985's attribute of requests. */
const id = {
  commonName: '2.5.4.3',
  organization: '2.5.4.10',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  extensionRequest: '1.2.840.113549.1.9.14',
}

/** PEM (PKCS #8) of a new EC key. */
export function makeKey(): Buffer {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' }))
}

/** PEM of a certificate of version 3 signed by its own key (RFC 5280), for a host and this machine's own names. */
export function selfSigned(privateKey: KeyObject, name: string, { now, days }: { now: Date; days: number }): string {
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
      notAfter: new Date(now.getTime() + days * dayMs),
    }),
    subjectPublicKeyInfo: AsnConvert.parse(spki, SubjectPublicKeyInfo),
    extensions: new Extensions(extensions([...new Set(['localhost', host, '127.0.0.1', '::1'])])),
  })
  const signed = new Certificate({
    tbsCertificate: certificate,
    signatureAlgorithm: certificate.signature,
    signatureValue: toArrayBuffer(sign('sha256', Buffer.from(AsnConvert.serialize(certificate)), privateKey)),
  })
  return new X509Certificate(Buffer.from(AsnConvert.serialize(signed))).toString()
}

/** PEM of a request (PKCS #10, RFC 2986) for these host names and addresses; the first is the common name. */
export function certificateRequest(privateKey: KeyObject, names: readonly string[]): string {
  const subject = new Name([attribute(id.commonName, names[0] ?? 'localhost'), attribute(id.organization, 'Hoist')])
  const wanted = new Attribute({
    type: id.extensionRequest,
    values: [AsnConvert.serialize(new Extensions(extensions(names)))],
  })
  const info = sequence(
    Buffer.from([0x02, 0x01, 0x00]),
    Buffer.from(AsnConvert.serialize(subject)),
    createPublicKey(privateKey).export({ type: 'spki', format: 'der' }),
    // attributes [0] IMPLICIT SET OF Attribute
    tagged(0xa0, Buffer.from(AsnConvert.serialize(wanted))),
  )
  const algorithm = Buffer.from(AsnConvert.serialize(new AlgorithmIdentifier({ algorithm: id.ecdsaWithSha256 })))
  const signature = tagged(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', info, privateKey)]))
  const lines =
    sequence(info, algorithm, signature)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE REQUEST-----', ...lines, '-----END CERTIFICATE REQUEST-----', ''].join('\n')
}

/** A private key in PEM; undefined when it is none. */
export function readKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem)
  } catch {
    // Whoever asked says which file it was.
    return undefined
  }
}

function sequence(...parts: Uint8Array[]): Buffer {
  return tagged(0x30, Buffer.concat(parts))
}

/** DER: tag, length, content. */
function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

function extensions(hosts: readonly string[]): Extension[] {
  const names = hosts.map(host => new GeneralName(isIP(host) === 0 ? { dNSName: host } : { iPAddress: host }))
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
export function asHost(name: string): string {
  return /^(?=.{1,64}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i.test(name)
    ? name.toLowerCase()
    : 'localhost'
}
