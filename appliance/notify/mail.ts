// E-mail: a notification as plain text by SMTP, over TLS or to this machine only.
import { once } from 'node:events'
import { connect, type LookupFunction, type Socket } from 'node:net'
import nodemailer from 'nodemailer'
import type { Notification, NotificationTarget } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { type AddressRule, checkHost, guardedLookup } from './address-guard.ts'

export type SmtpTarget = Extract<NotificationTarget, { kind: 'smtp' }>

/** For the whole conversation; servers that delay on purpose (tarpits, greylisting) take their time. */
const mailTimeoutMs = 60_000
/** For each silence in it. */
const silenceTimeoutMs = 20_000
/** RFC 5321, 4.5.3.1.5: a line of an answer has 512 bytes; nobody needs more than some of them. */
const answerMaxBytes = 64 * 1024
const quotedMaxLength = 300

export interface MailOptions {
  signal?: AbortSignal
  timeoutMs?: number
  silenceMs?: number
  /** PEM of a private CA, in place of the public ones. */
  caPem?: string
  lookup?: (rule: AddressRule) => LookupFunction
}

/**
 * Without encryption neither password nor text may leave this machine.
 * @throws {ApplianceError} NOTIFICATION_ADDRESS_REFUSED
 */
export function checkSmtpTarget(target: SmtpTarget): void {
  checkHost(target.host, ruleOf(target))
}

function ruleOf(target: SmtpTarget): AddressRule {
  return target.security === 'none' ? 'loopback' : 'any'
}

/**
 * Sends one notification to all recipients of the target.
 * @throws {ApplianceError} MAIL_FAILED; MAIL_PARTLY_REFUSED when some recipients have it and others never will;
 * NOTIFICATION_ADDRESS_REFUSED; the signal's reason
 */
export async function sendMail(
  target: SmtpTarget,
  password: string | undefined,
  notification: Notification,
  options: MailOptions = {},
): Promise<void> {
  const { signal, timeoutMs = mailTimeoutMs, silenceMs = silenceTimeoutMs, caPem } = options
  checkSmtpTarget(target)
  const ends = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])])
  const { host, port, security, username } = target
  const transport = nodemailer.createTransport({
    host,
    port,
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    ...(username === undefined ? {} : { auth: { user: username, pass: password ?? '' } }),
    tls: { minVersion: 'TLSv1.2', ...(caPem === undefined ? {} : { ca: caPem }) },
    greetingTimeout: silenceMs,
    socketTimeout: silenceMs,
    maxResponseSize: answerMaxBytes,
    // Texts of notifications quote vCenter and AWS: nothing in them may be taken for a file or a URL.
    disableFileAccess: true,
    disableUrlAccess: true,
    getSocket(_, callback) {
      open(target, ends, options.lookup ?? guardedLookup).then(
        connection => callback(null, { connection }),
        (thrown: Error) => callback(thrown),
      )
    },
  })
  let refused: { recipient?: string | undefined; permanent?: boolean | undefined }[]
  try {
    const { rejectedErrors = [] } = await transport.sendMail({ ...messageOf(target, notification), signal: ends })
    refused = rejectedErrors
  } catch (thrown) {
    signal?.throwIfAborted()
    throw failure(host, thrown, ends.aborted)
  } finally {
    transport.close()
  }
  if (refused.length > 0) throw partlyRefused(host, refused)
}

/** Connected by ourselves, as the addresses that are checked must be those that are used. */
async function open(target: SmtpTarget, signal: AbortSignal, lookup: (rule: AddressRule) => LookupFunction) {
  const { host, port } = target
  const socket: Socket = connect({ host, port, lookup: lookup(ruleOf(target)) })
  try {
    await once(socket, 'connect', { signal })
    return socket
  } catch (thrown) {
    socket.destroy()
    throw thrown
  }
}

/** RFC 3834: no out-of-office answers. The Message-ID is the occasion's, so that a repetition can be told from it. */
function messageOf(target: SmtpTarget, notification: Notification) {
  const { id, event, at, title, text, details } = notification
  const facts = Object.entries(details).map(([name, value]) => `${name}: ${oneLine(value)}`)
  return {
    envelope: { from: target.from, to: target.to },
    from: { name: 'Hoist', address: target.from },
    to: target.to.map(address => ({ name: '', address })),
    subject: `[Hoist] ${oneLine(title)}`,
    text: [text, '', '-- ', ...facts, `id: ${id}`, ''].join('\n'),
    date: new Date(at),
    messageId: `<${Buffer.from(id).toString('hex')}@hoist.invalid>`,
    headers: { 'Auto-Submitted': 'auto-generated', 'X-Hoist-Event': event },
  }
}

/** Line breaks and other control characters would begin another header. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim()
}

function partlyRefused(
  host: string,
  refused: { recipient?: string | undefined; permanent?: boolean | undefined }[],
): ApplianceError {
  const who = refused.map(({ recipient }) => recipient ?? '?').join(', ')
  // Worth another try only where the server said so: the others have the message already.
  const code = refused.some(({ permanent }) => permanent === false) ? 'MAIL_FAILED' : 'MAIL_PARTLY_REFUSED'
  return new ApplianceError(code, `${host} took the message, but not for ${who}.`, {
    hint: 'Check these addresses, and whether the mail server passes messages on to them.',
  })
}

/** Hints by nodemailer's codes. */
const hints: Record<string, string> = {
  EAUTH: 'Check user name and password, and that the account may send by SMTP.',
  ETLS: 'The server must offer STARTTLS, with a certificate that is valid for its name and signed by a CA that the appliance trusts.',
  EENVELOPE: 'Check sender and recipients: the server refuses them, or does not send for this sender.',
  ETIMEDOUT: 'Check host and port, the kind of encryption, and the firewall between the appliance and the mail server.',
}
const certificateHint =
  "The mail server's certificate must be valid for its name and signed by a CA that the appliance trusts."

function failure(host: string, thrown: unknown, overdue: boolean): ApplianceError {
  if (thrown instanceof ApplianceError) return thrown
  const { code, message, cause } = described(thrown)
  if (cause instanceof ApplianceError) return cause
  const late = overdue || code === 'ETIMEDOUT'
  const said = late ? 'no answer in time' : message.slice(0, quotedMaxLength)
  const byCertificate = /certificate|self-signed|altnames/i.test(message)
  return new ApplianceError('MAIL_FAILED', `${host} did not take the message: ${oneLine(said)}`, {
    cause: thrown,
    hint:
      (byCertificate ? certificateHint : hints[late ? 'ETIMEDOUT' : code]) ??
      "Check host, port and kind of encryption; the server's own words say what it did not accept.",
  })
}

function described(thrown: unknown): { code: string; message: string; cause: unknown } {
  if (!(thrown instanceof Error)) return { code: '', message: String(thrown), cause: undefined }
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : thrown.name
  return { code, message: thrown.message, cause: thrown.cause }
}
