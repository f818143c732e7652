// Certificates of vCenter and its hosts: shown before they are trusted, then pinned.

import { createHash, timingSafeEqual, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import tls from 'node:tls'
import type { CertificateSummary, CertificateTrust } from '../domain.ts'
import { ApplianceError } from '../errors.ts'

/** A host as the user typed it. */
export interface HostAddress {
  hostname: string
  port: number
}

/** `host`, `host:port`, `[v6]` or `[v6]:port`. Throws INVALID_REQUEST for anything else, a URL for instance. */
export function parseHost(host: string): HostAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(host)
  const hostname = match?.[1] ?? match?.[2]
  const port = match?.[3] === undefined ? 443 : Number(match[3])
  if (hostname === undefined || port < 1 || port > 65535) {
    throw new ApplianceError('INVALID_REQUEST', `"${host}" is not a host name`, {
      hint: 'Give vCenter as a name or an address, with :port if it is not 443.',
    })
  }
  return { hostname, port }
}

/**
 * What to give `tls.connect` as `servername`: an address may not be sent as SNI (RFC 6066, section 3).
 */
export function serverName(hostname: string): string {
  return isIP(hostname) === 0 ? hostname : ''
}

/**
 * The certificate that a host presents, to be shown before anyone trusts it.
 * Errors: VCENTER_UNREACHABLE.
 */
export async function fetchCertificate(
  host: string,
  { signal, timeoutMs = 15_000 }: { signal?: AbortSignal; timeoutMs?: number } = {},
): Promise<CertificateSummary> {
  const { hostname, port } = parseHost(host)
  const ends = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])])
  // The one place that does not verify: this call exists to show a certificate that nobody knows yet.
  // Nothing is sent over the connection and nothing is read from it; it closes as soon as the handshake is done.
  const socket = tls.connect({ host: hostname, port, servername: serverName(hostname), rejectUnauthorized: false })
  try {
    return await new Promise<CertificateSummary>((resolve, reject) => {
      const stop = () => reject(ends.reason)
      if (ends.aborted) return stop()
      ends.addEventListener('abort', stop, { once: true })
      socket.once('error', reject)
      socket.once('close', () => reject(new Error('the connection closed during the TLS handshake')))
      socket.once('secureConnect', () => {
        const certificate = socket.getPeerX509Certificate()
        if (certificate) resolve(summarize(certificate))
        else reject(new Error('the host presented no certificate'))
      })
    })
  } catch (cause) {
    if (signal?.aborted) throw signal.reason
    throw unreachable(host, cause)
  } finally {
    socket.destroy()
  }
}

/** A certificate's facts as users compare them with vCenter's own pages. */
export function summarizeCertificate(certificatePem: string): CertificateSummary {
  return summarize(parsePem(certificatePem))
}

function summarize(certificate: X509Certificate): CertificateSummary {
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    validFrom: certificate.validFromDate.toISOString(),
    validTo: certificate.validToDate.toISOString(),
    thumbprintSha256: certificate.fingerprint256,
    thumbprintSha1: certificate.fingerprint,
    certificatePem: certificate.toString(),
  }
}

function oneLine(name: string): string {
  return name.split('\n').join(', ')
}

function parsePem(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch (cause) {
    throw new ApplianceError('INVALID_REQUEST', 'The certificate is not readable as PEM', {
      cause,
      hint: 'Give one certificate that begins with -----BEGIN CERTIFICATE-----.',
    })
  }
}

/**
 * TLS options that accept what the user accepted, and nothing else.
 *
 * Pinned: the certificate itself is the trust anchor, whoever issued it (`allowPartialTrustChain`), and its SHA-256 must
 * be the pinned one: without that a pinned certificate that may sign others would vouch for them too. Host names do not
 * matter then: the key is the identity, and vCenter is often reached by an address that its certificate does not name.
 * Validity dates are still checked. An expired certificate of vCenter stops vCenter's own services as well, so
 * accepting one would win nothing and would hide what has to be repaired: it is VCENTER_CERTIFICATE_REFUSED.
 *
 * CA: the usual verification, by that CA alone, with the host's name.
 */
export function tlsOptionsFor(trust: CertificateTrust): tls.ConnectionOptions {
  if (trust.kind === 'ca') return { ca: [trust.caPem], minVersion: 'TLSv1.2' }
  const pinned = sha256(parsePem(trust.certificatePem).raw)
  return {
    ca: [trust.certificatePem],
    allowPartialTrustChain: true,
    minVersion: 'TLSv1.2',
    checkServerIdentity: (host, peer) => (timingSafeEqual(sha256(peer.raw), pinned) ? undefined : changed(host)),
  }
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

/**
 * A failed connection by name: certificate, or unreachable. `cause` is what the TLS or TCP socket reported.
 */
export function connectionError(host: string, trust: CertificateTrust, cause: unknown): ApplianceError {
  if (cause instanceof ApplianceError) return cause
  const code = errorCode(cause)
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') {
    const when = code === 'CERT_HAS_EXPIRED' ? 'has expired' : 'is not valid yet'
    return new ApplianceError('VCENTER_CERTIFICATE_REFUSED', `The certificate of ${host} ${when}`, {
      cause,
      hint: 'Compare the clocks of the appliance and of the host; if they agree, renew its certificate and accept the new one.',
    })
  }
  if (!code.includes('CERT') && !code.includes('ISSUER') && !code.includes('SIGNATURE')) return unreachable(host, cause)
  if (trust.kind === 'pinned') return changed(host, cause)
  return new ApplianceError(
    'VCENTER_CERTIFICATE_REFUSED',
    `The certificate of ${host} is not valid: ${errorText(cause)}`,
    { cause, hint: 'It must be signed by the CA that was uploaded, for the name that was typed.' },
  )
}

function changed(host: string, cause?: unknown): ApplianceError {
  return new ApplianceError(
    'VCENTER_CERTIFICATE_CHANGED',
    `The certificate of ${host} is not the one that was accepted`,
    {
      cause,
      hint: 'If it was renewed on purpose, compare the new thumbprint with vCenter and accept it in Settings. If not, someone may be listening.',
    },
  )
}

function unreachable(host: string, cause: unknown): ApplianceError {
  if (strangers.has(errorCode(cause))) {
    const { hostname, port } = parseHost(host)
    return new ApplianceError('VCENTER_UNREACHABLE', `${host} answers, but port ${port} does not speak TLS`, {
      cause,
      hint: `Give the port of vCenter's own https:// page: 443 unless it was changed, for which ${hostname} alone is enough.`,
    })
  }
  return new ApplianceError('VCENTER_UNREACHABLE', `${host} cannot be reached: ${errorText(cause)}`, {
    cause,
    hint: hints[errorCode(cause)] ?? 'Check the name, the port and the firewall between the appliance and this host.',
  })
}

const hints: Record<string, string> = {
  ENOTFOUND: 'The name is not known to DNS: check its spelling and the DNS servers of the appliance.',
  EAI_AGAIN: 'DNS does not answer: check the DNS servers of the appliance.',
  ECONNREFUSED: 'The host is up but nothing listens on that port: check the port and that vCenter has started.',
}

/** What OpenSSL says of bytes that are no TLS at all: an HTTP port, SSH, a database. */
const strangers: ReadonlySet<string> = new Set([
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  'ERR_SSL_HTTP_REQUEST',
  'ERR_SSL_RECORD_TOO_SMALL',
])

function errorCode(cause: unknown): string {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : ''
}

function errorText(cause: unknown): string {
  if (cause instanceof Error && cause.name === 'TimeoutError') return 'no answer in time'
  // Node joins the failures of several addresses (Happy Eyeballs) in an AggregateError whose own message is empty.
  if (cause instanceof AggregateError) return cause.errors.map(errorText).join('; ')
  // OpenSSL's own line ends with its source file; its reason alone is for people.
  if (cause instanceof Error && 'reason' in cause && errorCode(cause).startsWith('ERR_SSL_'))
    return `the TLS handshake failed (${String(cause.reason)})`
  return cause instanceof Error ? cause.message : String(cause)
}
