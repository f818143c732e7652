// The bytes of one exported file, as the host sends them over HTTPS: status codes, stalls and breaks by name.

import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { CertificateTrust } from '../domain.ts'
import { ApplianceError, type ErrorCode } from '../errors.ts'
import { connectionError, parseHost, serverName, tlsOptionsFor } from './certificate.ts'

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

/** TLS records are 16 KiB: a large buffer lets the socket read on while one chunk is worked on. */
const highWaterMarkBytes = 1024 * 1024

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
 * Errors: NFC_REFUSED (HTTP status), NFC_STALLED, NFC_INTERRUPTED (with the offset reached), VCENTER_CERTIFICATE_*,
 * VCENTER_UNREACHABLE. A connection that ends early without saying so just ends: the VMDK reader tells.
 */
export async function openNfcStream(source: NfcSource, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
  const { what, stallMs } = source
  const response = await connect(source, signal)
  const status = response.statusCode ?? 0
  if (status !== 200) {
    response.destroy()
    const { why, hint } = refusals[status] ?? { why: 'it answered', hint: 'See the events of the host in vCenter.' }
    throw new ApplianceError('NFC_REFUSED', `${what}: ${why} (HTTP ${status} of ${source.url.host})`, { hint })
  }
  return chunks(response, what, stallMs, signal)
}

function connect(source: NfcSource, signal: AbortSignal): Promise<IncomingMessage> {
  const { url, trust, cookie, what, stallMs } = source
  const { hostname, port } = parseHost(url.host)
  const deadline = AbortSignal.timeout(stallMs)
  return new Promise((resolve, reject) => {
    const options = {
      ...tlsOptionsFor(trust),
      host: hostname,
      port,
      servername: serverName(hostname),
      path: url.pathname + url.search,
      // One connection for one file: NFC servers count connections, and a kept one would hold a place for nothing.
      agent: false,
      highWaterMark: highWaterMarkBytes,
      headers: cookie === undefined ? {} : { cookie },
    }
    const outgoing = httpsRequest(options, resolve)
    const stop = () => outgoing.destroy()
    deadline.addEventListener('abort', stop)
    outgoing.once('response', () => deadline.removeEventListener('abort', stop))
    // For the life of the transfer: also an iterable that nobody walks must not keep its connection.
    signal.addEventListener('abort', stop)
    outgoing.once('close', () => signal.removeEventListener('abort', stop))
    if (signal.aborted) stop()
    outgoing.once('error', cause => {
      if (signal.aborted) reject(signal.reason)
      else if (deadline.aborted) reject(broken('NFC_STALLED', what, 0, `no answer for ${stallMs / 1000} s`))
      else reject(connectionError(url.host, trust, cause))
    })
    outgoing.end()
  })
}

async function* chunks(
  response: IncomingMessage,
  what: string,
  stallMs: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  let offset = 0
  let failure: unknown
  let ended = false
  let wake: (() => void) | undefined
  response.on('readable', () => wake?.())
  response.on('end', () => {
    ended = true
    wake?.()
  })
  response.on('error', error => {
    failure = error
    wake?.()
  })
  const stop = () => wake?.()
  signal.addEventListener('abort', stop)
  try {
    for (;;) {
      signal.throwIfAborted()
      const chunk: Buffer | null = response.read()
      if (chunk !== null) {
        offset += chunk.length
        yield chunk
        continue
      }
      if (failure !== undefined) throw broken('NFC_INTERRUPTED', what, offset, reasonOf(failure), failure)
      if (ended) return
      let stalled = false
      await new Promise<void>(resolve => {
        const timer = setTimeout(() => {
          stalled = true
          resolve()
        }, stallMs)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      wake = undefined
      if (stalled) throw broken('NFC_STALLED', what, offset, `no byte for ${stallMs / 1000} s`)
    }
  } finally {
    signal.removeEventListener('abort', stop)
    response.destroy()
  }
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
