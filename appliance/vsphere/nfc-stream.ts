// The bytes of one exported file, as the host sends them over HTTPS: status codes, stalls and breaks by name.

import { validateHeaderValue } from 'node:http'
import type { OnReadOpts } from 'node:net'
import tls from 'node:tls'
import type { CertificateTrust } from '../domain.ts'
import { ApplianceError, type ErrorCode } from '../errors.ts'
import { BodyPieces } from './body-pieces.ts'
import { connectionError, parseHost, serverName, tlsOptionsFor } from './certificate.ts'
import { ResponseParser } from './http-response.ts'

export interface NfcSource {
  url: URL
  trust: CertificateTrust
  /** vCenter's session cookie, for URLs on vCenter itself. */
  cookie?: string
  /** Begins messages: "Hard disk 1 of web01". */
  what: string
  /** Longest time without a byte while we wait for one, milliseconds. */
  stallMs: number
}

/** Where TLS puts what it has decrypted, a record of 16 KiB at a time. */
const recordBytes = 16 * 1024

/** What the statuses of an NFC server mean to the user. */
const refusals: Record<number, { why: string; hint: string }> = {
  401: { why: 'the session is not accepted', hint: 'Start the run again; if it stays, register vCenter anew.' },
  403: { why: 'the account may not export', hint: 'Give the role of the connector the privilege VApp.Export.' },
  404: {
    why: 'the file is not served any more',
    hint: 'The export lease ended or the disk was moved: start the run again.',
  },
  500: { why: 'the host failed', hint: "Look at the host's vpxa and hostd logs at this time." },
  503: {
    why: 'the host has no more room for NFC connections',
    hint: 'Let fewer disks of this host run at once, or wait until other exports and backups have ended.',
  },
}

/**
 * Opens the file and gives its bytes as they come. The iterable can be walked once; leaving it closes the connection.
 * Each piece is valid until the next is asked for: its memory is used again.
 * Errors: NFC_REFUSED (HTTP status), NFC_STALLED, NFC_INTERRUPTED (with the offset reached), VCENTER_CERTIFICATE_*,
 * VCENTER_UNREACHABLE. A connection that ends early without saying so just ends: the VMDK reader tells.
 */
export async function openNfcStream(source: NfcSource, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
  signal.throwIfAborted()
  const transfer = new NfcTransfer(source, signal)
  const status = await transfer.status()
  if (status !== 200) {
    transfer.close()
    const { why, hint } = refusals[status] ?? { why: 'it answered', hint: 'See the events of the host in vCenter.' }
    throw new ApplianceError('NFC_REFUSED', `${source.what}: ${why} (HTTP ${status} of ${source.url.host})`, { hint })
  }
  return transfer.chunks()
}

/**
 * One GET over a TLS connection of its own. Not by node:https, which makes a Buffer and a stream event of every TLS
 * record: for a disk of many gigabytes that costs as much as decrypting it twice.
 */
class NfcTransfer {
  readonly #source: NfcSource
  readonly #signal: AbortSignal
  readonly #socket: tls.TLSSocket
  readonly #pieces = new BodyPieces()
  readonly #parser: ResponseParser
  readonly #stop = () => this.close()
  #status: number | undefined
  #failure: { cause: unknown } | undefined
  #wake: (() => void) | undefined
  #wakeSoon: NodeJS.Immediate | undefined

  constructor(source: NfcSource, signal: AbortSignal) {
    this.#source = source
    this.#signal = signal
    this.#parser = new ResponseParser({
      onStatus: status => {
        this.#status = status
      },
      onBody: bytes => this.#pieces.put(bytes),
    })
    const request = requestFor(source)
    const { hostname, port } = parseHost(source.url.host)
    const options: tls.ConnectionOptions & { onread: OnReadOpts } = {
      ...tlsOptionsFor(source.trust),
      host: hostname,
      port,
      servername: serverName(hostname),
      ALPNProtocols: ['http/1.1'],
      onread: {
        buffer: Buffer.allocUnsafeSlow(recordBytes),
        callback: (length, record) => this.#receive(Buffer.from(record.buffer, record.byteOffset, length)),
      },
    }
    this.#socket = tls.connect(options)
    // Not before this event: the certificate has been checked by then.
    this.#socket.once('secureConnect', () => this.#socket.write(request, 'latin1'))
    this.#socket.on('error', cause => this.#fail(cause))
    this.#socket.once('end', () => this.#attempt(() => this.#parser.end()))
    // For the life of the transfer: also an iterable that nobody walks must not keep its connection.
    signal.addEventListener('abort', this.#stop)
    this.#socket.once('close', () => {
      signal.removeEventListener('abort', this.#stop)
      this.#fail(new Error('the connection was closed'))
    })
  }

  close(): void {
    clearImmediate(this.#wakeSoon)
    this.#socket.destroy()
    this.#wake?.()
  }

  /** Waits for the answer's status. */
  async status(): Promise<number> {
    const { url, trust, what, stallMs } = this.#source
    // The time for the whole head: one that comes a byte at a time is none.
    const deadlineMs = performance.now() + stallMs
    while (this.#status === undefined) {
      this.#signal.throwIfAborted()
      if (this.#failure) throw connectionError(url.host, trust, this.#failure.cause)
      if (await this.#stalled(deadlineMs - performance.now())) {
        this.close()
        throw broken('NFC_STALLED', what, 0, `no answer for ${stallMs / 1000} s`)
      }
    }
    return this.#status
  }

  /** The body. */
  async *chunks(): AsyncGenerator<Buffer> {
    const { what, stallMs } = this.#source
    let offset = 0
    try {
      for (;;) {
        this.#signal.throwIfAborted()
        const piece = this.#pieces.take()
        if (piece !== undefined) {
          offset += piece.length
          this.#socket.resume()
          yield piece
          continue
        }
        if (this.#parser.complete) return
        if (this.#failure) {
          const { cause } = this.#failure
          throw broken('NFC_INTERRUPTED', what, offset, reasonOf(cause), cause)
        }
        if (await this.#stalled(stallMs)) throw broken('NFC_STALLED', what, offset, `no byte for ${stallMs / 1000} s`)
      }
    } finally {
      this.close()
    }
  }

  /** Takes what TLS has decrypted; false asks it for a pause, until the socket is resumed. */
  #receive(bytes: Buffer): boolean {
    if (this.#failure || this.#socket.destroyed) return false
    this.#attempt(() => this.#parser.write(bytes))
    // A little later there is more to take at once, as several records come with one look at the socket.
    if (this.#pieces.isWorthTaking) this.#wake?.()
    else if (this.#wake) this.#wakeSoon ??= setImmediate(() => this.#wakeNow())
    return !this.#pieces.isFull
  }

  #wakeNow(): void {
    this.#wakeSoon = undefined
    this.#wake?.()
  }

  /** Lets the parser work. After the last byte of the answer nothing is waited for, whatever the host does. */
  #attempt(parse: () => void): void {
    try {
      parse()
      if (this.#parser.complete) this.close()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(cause: unknown): void {
    this.#failure ??= { cause }
    this.#socket.destroy()
    this.#wake?.()
  }

  /** Waits until something has happened; true if nothing has in this time. */
  #stalled(forMs: number): Promise<boolean> {
    return new Promise(resolve => {
      const timer = setTimeout(() => this.#settle(resolve, true), forMs)
      this.#wake = () => {
        clearTimeout(timer)
        this.#settle(resolve, false)
      }
    })
  }

  #settle(resolve: (stalled: boolean) => void, stalled: boolean): void {
    this.#wake = undefined
    resolve(stalled)
  }
}

/** What is sent. Nothing in it can end a line: the URL class encodes paths, and the cookie is checked. */
function requestFor({ url, cookie }: NfcSource): string {
  const lines = [`GET ${url.pathname}${url.search} HTTP/1.1`, `Host: ${url.host}`, 'Connection: close']
  if (cookie !== undefined) {
    validateHeaderValue('cookie', cookie)
    lines.push(`Cookie: ${cookie}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n`
}

function reasonOf(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure)
}

function broken(code: ErrorCode, what: string, offset: number, why: string, cause?: unknown): ApplianceError {
  return new ApplianceError(code, `${what}: the stream broke after ${offset} bytes: ${why}`, {
    cause,
    hint: 'Check the network between the appliance and the host, and its load; the next run reads the disk again.',
  })
}
