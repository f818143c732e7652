// The certificate that the page is served with while the appliance goes on: looked at, replaced by a CA's, renewed in time.
import type { TlsOptions } from 'node:tls'
import type { Logger } from 'pino'
import {
  ensureWebCertificate,
  installWebCertificate,
  requestWebCertificate,
  viewWebCertificate,
  type WebCertificate,
} from './web-certificate.ts'

/** An HTTPS server. */
interface Server {
  setSecureContext(options: TlsOptions): void
}

export interface ServedCertificateParts {
  /** Where `web.key` and `web.crt` are. */
  dataDir: string
  /** Of the start. */
  certificate: WebCertificate
  now: () => Date
  log: Logger
}

/**
 * How often one looks whether it is to be renewed, milliseconds. Also the longest that one for the machine's former name is
 * served: at once would cut off the very page on which the name is being changed, as the browser has accepted the other.
 */
export const renewalMs = 86_400_000

export function servedCertificate({ dataDir, certificate, now, log }: ServedCertificateParts) {
  let current = certificate
  let view = viewWebCertificate(current.cert)
  let server: Server | undefined

  /** For every new connection; those that stand go on with the former. */
  function serveWith(next: WebCertificate): void {
    const { key, cert, thumbprintSha256 } = next
    server?.setSecureContext({ key, cert, minVersion: 'TLSv1.2' })
    current = next
    view = viewWebCertificate(cert)
    log.info({ thumbprintSha256 }, 'web certificate replaced')
  }

  return {
    /** PEM. */
    pem: () => current.cert,
    state: () => ({ validTo: current.validTo, selfSigned: view.selfSigned }),
    /** Whose certificate is replaced when another one is put in place. */
    serveBy(given: Server): void {
      server = given
    },
    /** Makes a new one of our own when the present one ends soon, or is for another name than the machine has now. */
    async renew(): Promise<void> {
      const next = await ensureWebCertificate(dataDir, now())
      if (next.renewed) serveWith(next)
    },
    service: {
      view: () => view,
      request: (names: readonly string[]) => requestWebCertificate(dataDir, names),
      async install(body: { certificatePem: string; chainPem?: string }) {
        serveWith(await installWebCertificate(dataDir, body, now()))
        return view
      },
    },
  }
}

export type ServedCertificate = ReturnType<typeof servedCertificate>
