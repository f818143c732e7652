// The certificate of the appliance's own web server: self-signed, made at the first start, renewed before it ends; or one that
// a CA has signed, put in its place.
import { X509Certificate } from 'node:crypto'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { ApplianceError } from './errors.ts'
import { asHost, certificateRequest, makeKey, readKey, selfSigned } from './make-certificate.ts'
import { createPrivateFile, makePrivateDirectory, readPrivateFile, replacePrivateFile } from './private-file.ts'

const dayMs = 86_400_000
/**
 * Browsers and operating systems refuse longer-lived certificates even from roots that a user trusts (Apple: 825 days), and
 * 397 is what all of them take. The key stays at a renewal, so that who pinned it need not look again.
 */
const validDays = 397
const renewBeforeDays = 30
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
  const cert = selfSigned(parseKey(key, keyPath), name, { now, days: validDays })
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
  const key = readKey(pem)
  if (key) return key
  throw new ApplianceError('PRIVATE_FILE_UNSAFE', `The file ${path} holds no private key.`, {
    hint: 'Move it and web.crt away, then start again: new ones are made.',
  })
}

function describe(key: string, cert: string, renewed: boolean): WebCertificate {
  const parsed = new X509Certificate(cert)
  return { key, cert, validTo: new Date(parsed.validTo), thumbprintSha256: parsed.fingerprint256, renewed }
}

export interface WebCertificateView {
  subject: string
  issuer: string
  validFrom: string
  validTo: string
  thumbprintSha256: string
  selfSigned: boolean
  /** Host names and addresses that it is for. */
  names: string[]
  /** Above it, in order. */
  chain: { subject: string; issuer: string; validTo: string }[]
}

/** What is served, as an administrator looks at it. */
export function viewWebCertificate(pem: string): WebCertificateView {
  const [leaf, ...chain] = certificatesOf(pem)
  if (!leaf) throw refused('It is no certificate in PEM.')
  return {
    ...summary(leaf),
    validFrom: leaf.validFromDate.toISOString(),
    thumbprintSha256: leaf.fingerprint256,
    selfSigned: leaf.issuer === leaf.subject,
    names: namesOf(leaf),
    chain: chain.map(summary),
  }
}

/** PEM of a request for a certificate with the key in `dir`, for these names or for those that the machine has. */
export async function requestWebCertificate(dir: string, names: readonly string[]): Promise<string> {
  const path = join(dir, 'web.key')
  const key = parseKey((await readPrivateFile(path))?.toString() ?? '', path)
  return certificateRequest(key, names.length > 0 ? names : [asHost(hostname())])
}

/**
 * Puts a certificate that a CA has signed, with the chain above it, in the place of the present one.
 * @throws {ApplianceError} WEB_CERTIFICATE_REFUSED when browsers would not take it, or the key is another
 */
export async function installWebCertificate(
  dir: string,
  { certificatePem, chainPem = '' }: { certificatePem: string; chainPem?: string },
  now: Date = new Date(),
): Promise<WebCertificate> {
  const path = join(dir, 'web.key')
  const key = (await readPrivateFile(path))?.toString() ?? ''
  const [leaf, ...others] = certificatesOf(`${certificatePem}\n${chainPem}`)
  if (!leaf) throw refused('It is no certificate in PEM.')
  if (!leaf.checkPrivateKey(parseKey(key, path))) throw refused("It is not for this appliance's key.")
  if (leaf.issuer === leaf.subject) throw refused('It is signed by itself, not by a CA.')
  if (leaf.ca) throw refused('It is the certificate of an authority.')
  if (namesOf(leaf).length === 0)
    throw refused('It names no host (subject alternative name), which browsers insist on.')
  if (leaf.keyUsage !== undefined && !leaf.keyUsage.includes('1.3.6.1.5.5.7.3.1'))
    throw refused('It is not for web servers (extended key usage serverAuth).')
  const chain = inOrder(leaf, others)
  for (const one of [leaf, ...chain]) refuseOutOfTime(one, now)
  const cert = [leaf, ...chain].map(String).join('')
  await replacePrivateFile(join(dir, 'web.crt'), Buffer.from(cert))
  return describe(key, cert, true)
}

/** Browsers follow the chain as it is sent: each must have signed the one before. */
function inOrder(leaf: X509Certificate, others: readonly X509Certificate[]): X509Certificate[] {
  const left = others.filter(one => one.fingerprint256 !== leaf.fingerprint256)
  const chain: X509Certificate[] = []
  for (let last = leaf; last.issuer !== last.subject; ) {
    const at = left.findIndex(one => last.checkIssued(one) && last.verify(one.publicKey))
    const [next] = at === -1 ? [] : left.splice(at, 1)
    if (!next) break
    if (!next.ca) throw refused(`${oneLine(next.subject)} in the chain is no authority.`)
    chain.push(next)
    last = next
  }
  const [stray] = left
  if (stray) throw refused(`${oneLine(stray.subject)} is no part of the chain above it.`)
  return chain
}

function refuseOutOfTime(certificate: X509Certificate, now: Date): void {
  const { subject, validFromDate, validToDate } = certificate
  if (validFromDate > now) throw refused(`${oneLine(subject)} is valid only from ${validFromDate.toISOString()} on.`)
  if (validToDate <= now) throw refused(`${oneLine(subject)} ended on ${validToDate.toISOString()}.`)
}

function certificatesOf(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []
  return blocks.map(block => {
    const certificate = parse(block)
    if (certificate) return certificate
    throw refused('It is damaged.')
  })
}

function namesOf({ subjectAltName }: X509Certificate): string[] {
  return (subjectAltName ?? '').split(', ').flatMap(name => /^(?:DNS|IP Address):(.+)$/.exec(name)?.[1] ?? [])
}

function summary({ subject, issuer, validToDate }: X509Certificate) {
  return { subject: oneLine(subject), issuer: oneLine(issuer), validTo: validToDate.toISOString() }
}

function oneLine(name: string): string {
  return name.split('\n').join(', ')
}

function refused(why: string): ApplianceError {
  return new ApplianceError('WEB_CERTIFICATE_REFUSED', `The certificate is not put in place. ${why}`, {
    hint: 'Let the CA sign a request that this appliance has made, and upload the certificate with the chain above it.',
  })
}
