// The hourly look at what nobody else watches: snapshots that stay open, certificates and credentials that end.
import { X509Certificate } from 'node:crypto'
import type { Logger } from 'pino'
import type { Notification, VcenterSettings } from '../domain.ts'
import {
  certificateExpiring,
  credentialsExpiring,
  type OpenSnapshot,
  snapshotOld,
  type WatchedCertificate,
} from './occasions.ts'

/** Where to look. A reader that fails is told of in the log, and the others are asked all the same. */
export interface WatchReaders {
  openSnapshots(signal: AbortSignal): Promise<OpenSnapshot[]>
  /** See `knownCertificates`. */
  certificates(signal: AbortSignal): Promise<WatchedCertificate[]>
  /** Credentials whose end is known. */
  credentials(signal: AbortSignal): Promise<{ accessKeyId: string; expiresAt: string }[]>
  /** From the policy. */
  snapshotAgeHours(): Promise<number>
}

export interface WatchOptions {
  readers: WatchReaders
  /** The dispatcher's; what was told before is known by its id there. */
  post(notification: Notification): Promise<void>
  now(): Date
  log: Logger
  everyMs?: number
}

const hourMs = 3_600_000
/** For a whole look; vCenter may be slow. */
const lookTimeoutMs = 5 * 60_000

export class Watch {
  readonly #options: WatchOptions
  readonly #stopping = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined

  constructor(options: WatchOptions) {
    this.#options = options
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.look(), this.#options.everyMs ?? hourMs)
    void this.look()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#stopping.abort(new Error('the appliance stops'))
    await this.#looking
  }

  /** One look; a second one joins the first. Never throws. */
  look(): Promise<void> {
    this.#looking ??= this.#lookOnce().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #lookOnce(): Promise<void> {
    const { readers, now } = this.#options
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(lookTimeoutMs)])
    await Promise.all([
      this.#tell('snapshots', async () => {
        const ageHours = await readers.snapshotAgeHours()
        signal.throwIfAborted()
        return (await readers.openSnapshots(signal)).map(snapshot => snapshotOld(snapshot, ageHours, now()))
      }),
      this.#tell('certificates', async () =>
        (await readers.certificates(signal)).map(certificate => certificateExpiring(certificate, now())),
      ),
      this.#tell('credentials', async () =>
        (await readers.credentials(signal)).map(credentials => credentialsExpiring(credentials, now())),
      ),
    ])
  }

  async #tell(what: string, read: () => Promise<(Notification | undefined)[]>): Promise<void> {
    const { post, log } = this.#options
    try {
      for (const notification of await read()) if (notification !== undefined) await post(notification)
    } catch (err) {
      if (!this.#stopping.signal.aborted) log.warn({ err, what }, 'a look at what may need attention failed')
    }
  }
}

/** The certificates that the settings name, and the web server's. One that cannot be read is left out. */
export function knownCertificates(known: { vcenter?: VcenterSettings; web?: { name: string; pem: string } }) {
  const { vcenter, web } = known
  const found: WatchedCertificate[] = []
  if (vcenter?.trust.kind === 'pinned') found.push(...watched('vcenter', vcenter.host, vcenter.trust.certificatePem))
  if (vcenter?.trust.kind === 'ca') found.push(...watched('ca', vcenter.host, vcenter.trust.caPem))
  if (web !== undefined) found.push(...watched('web', web.name, web.pem).slice(0, 1))
  return found
}

/** Every certificate of a PEM file, which may hold a chain. */
function watched(of: WatchedCertificate['of'], name: string, pem: string): WatchedCertificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []
  return blocks.flatMap(block => {
    try {
      const { validToDate, fingerprint256 } = new X509Certificate(block)
      return [{ of, name, validTo: validToDate.toISOString(), thumbprintSha256: fingerprint256 }]
    } catch {
      // Whoever uses it says more clearly what is wrong with it than a date could.
      return []
    }
  })
}
