// Webhooks: a notification as JSON, signed, to a web server of the user's.
import { createHmac } from 'node:crypto'
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import type { Notification } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { type AddressRule, checkHost, guardedLookup } from './address-guard.ts'

/** From connecting to the answer. A receiver that works longer than that should answer first. */
const webhookTimeoutMs = 10_000
/** The answer's body means nothing; so much is taken in for the sake of the connection. */
const answerMaxBytes = 16 * 1024

export interface WebhookOptions {
  signal?: AbortSignal
  now?: () => Date
  timeoutMs?: number
  /** PEM of a private CA, in place of the public ones. */
  caPem?: string
  lookup?: (rule: AddressRule) => LookupFunction
}

/**
 * The body: the same bytes at every attempt, so that a receiver can tell a repetition by `id`.
 */
export function webhookBody(notification: Notification): string {
  const { id, event, at, title, text, details } = notification
  return JSON.stringify({ id, event, at, title, text, details })
}

/**
 * The header `Hoist-Signature`: `t=<seconds since 1970>,v1=<hex>`. `v1` is HMAC-SHA256 over `<t>.<body>` (the body's bytes as
 * they came) with the channel's signing key (its UTF-8). A receiver computes the same, compares in constant time, and
 * refuses a `t` that is more than a few minutes off; keys may be added after `v1`, those it does not know it passes over.
 */
export function webhookSignature(signingKey: string, body: string, at: Date): string {
  const seconds = Math.floor(at.getTime() / 1000)
  return `t=${seconds},v1=${createHmac('sha256', signingKey).update(`${seconds}.${body}`).digest('hex')}`
}

/**
 * A URL that notifications may go to: https, or http on this machine; without credentials.
 * @throws {ApplianceError} INVALID_REQUEST, NOTIFICATION_ADDRESS_REFUSED
 */
export function checkWebhookUrl(text: string): URL {
  const url = URL.parse(text)
  if (url === null || !['https:', 'http:'].includes(url.protocol) || url.username !== '' || url.password !== '') {
    throw new ApplianceError('INVALID_REQUEST', 'The URL of the webhook is not https://host/path.', {
      hint: 'Leave out user name and password: the signature tells the receiver who it is.',
    })
  }
  checkHost(url.hostname, ruleOf(url))
  return url
}

/**
 * What of a webhook's URL may be shown: chat services put the secret that lets whoever knows it post into the path or the query.
 * @returns the URL itself where it has neither
 */
export function shownWebhookUrl(text: string): string {
  const url = URL.parse(text)
  const isBare = url !== null && `${url.pathname}${url.search}${url.hash}` === '/'
  return isBare ? text : `${url?.origin ?? ''}/***`
}

/**
 * Sends one notification. Redirects are not followed: what is signed goes to the URL that was entered, or nowhere.
 * @throws {ApplianceError} WEBHOOK_FAILED for anything but an answer 2xx in time; NOTIFICATION_ADDRESS_REFUSED; the signal's reason
 */
export async function sendWebhook(
  webhook: { url: string; signingKey: string },
  notification: Notification,
  options: WebhookOptions = {},
): Promise<void> {
  const { signal, now = () => new Date(), timeoutMs = webhookTimeoutMs, caPem, lookup = guardedLookup } = options
  const url = checkWebhookUrl(webhook.url)
  const body = webhookBody(notification)
  const ends = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])])
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest
  let status: number
  try {
    const request = send(url, {
      method: 'POST',
      agent: false,
      signal: ends,
      lookup: lookup(ruleOf(url)),
      minVersion: 'TLSv1.2',
      ...(caPem === undefined ? {} : { ca: caPem }),
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'user-agent': 'Hoist',
        'hoist-event': notification.event,
        'hoist-signature': webhookSignature(webhook.signingKey, body, now()),
      },
    })
    status = await statusOf(request, body)
  } catch (thrown) {
    signal?.throwIfAborted()
    throw failure(url, thrown)
  }
  if (status < 200 || status > 299) throw refusal(url, status)
}

/** Plain http stays on this machine. */
function ruleOf(url: URL): AddressRule {
  if (url.protocol === 'https:') return 'any'
  return 'loopback'
}

async function statusOf(request: ClientRequest, body: string): Promise<number> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve).on('error', reject).end(body)
  })
  let bytes = 0
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > answerMaxBytes) break
    }
  } catch {
    // The status says it all: a body that breaks off or never ends takes nothing back.
  } finally {
    request.destroy()
  }
  return answer.statusCode ?? 0
}

function refusal(url: URL, status: number): ApplianceError {
  const redirected = status >= 300 && status < 400
  return new ApplianceError('WEBHOOK_FAILED', `${url.host} answered with HTTP status ${status}.`, {
    hint: redirected
      ? 'Enter the URL that it redirects to: redirects are not followed.'
      : "Look into the receiver's log: a 401 or 403 often means that it has another signing key.",
  })
}

/** Only the host is named: paths of webhooks often hold a secret. */
function failure(url: URL, thrown: unknown): ApplianceError {
  if (thrown instanceof ApplianceError) return thrown
  const { code, message } = described(thrown)
  if (code === 'ABORT_ERR' || code === 'TimeoutError') {
    return new ApplianceError('WEBHOOK_FAILED', `${url.host} did not answer in time.`, {
      cause: thrown,
      hint: 'Let the receiver answer first and work afterwards; check the firewall between it and the appliance.',
    })
  }
  const certificate = /CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS|ERR_SSL|EPROTO/.test(code)
  return new ApplianceError('WEBHOOK_FAILED', `${url.host} cannot be reached: ${message}`, {
    cause: thrown,
    hint: certificate
      ? "The receiver's certificate must be valid for its name and signed by a CA that the appliance trusts."
      : 'Check the name, the port and the firewall between the appliance and the receiver.',
  })
}

function described(thrown: unknown): { code: string; message: string } {
  if (!(thrown instanceof Error)) return { code: '', message: String(thrown) }
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : thrown.name
  // Failures of several addresses come together, in an error without words of its own.
  const inner = thrown instanceof AggregateError ? thrown.errors.map(error => described(error).message).join('; ') : ''
  return { code, message: thrown.message === '' ? inner || code : thrown.message }
}
