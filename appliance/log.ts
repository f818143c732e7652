// The log: pino, one JSON line per event, from which every secret is removed on the way out.
import { type DestinationStream, type LevelWithSilent, type Logger, pino } from 'pino'

export type { Logger } from 'pino'

const redacted = '[redacted]'

/**
 * Fields, at any depth and in any spelling (`proxyPassword`, `proxy_password`, `x-amz-security-token`), whose values never
 * leave the process. Headers are dropped whole: which of them is a secret is the other side's choice.
 */
const secretField =
  /passw|passphrase|secret|token$|^token|authorization|cookie|credential|privatekey|^pem$|^key(pem|file)$|headers$|^\$response$|signature|sessionkey/

/** Fields that the rule above catches by their name, and that hold none. */
const harmlessFields = new Set(['clienttoken', 'nexttoken', 'tokenfile', 'secretname'])

/** Secrets inside texts, of any field and of messages: what stands after `$1` goes. */
const secretTexts: readonly RegExp[] = [
  // user:password@ of a URL
  /(\b[a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/@"'\\]+@/gi,
  /(\b(?:bearer|basic)\s+)[\w.~+/=-]{4,}/gi,
  // signed URLs and query parameters
  /([?&](?:x-amz-(?:signature|security-token|credential)|token|access_token|password)=)[^&\s"'\\]+/gi,
  /(\bvmware_soap_session=)[^;\s]+/gi,
  /(\bSignature=)[0-9a-f]{16,}/gi,
  // elements of SOAP requests that carry the account
  /(<(?:\w+:)?password[^>]*>)[^<]+/gi,
  /(-----BEGIN [A-Z ]*PRIVATE KEY-----)[\s\S]+?(?=-----END|$)/g,
]

/** Deeper is not an event but a whole object; it would only make the line unreadable. */
const maxDepth = 8
const maxItems = 100
const maxTextLength = 16_384

/** A logger. Everything it writes has passed `scrub`; child loggers' bindings too. */
export function createLogger(config: { logLevel: LevelWithSilent }, destination?: DestinationStream): Logger {
  const options = {
    level: config.logLevel,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: {
      level: (label: string) => ({ level: label }),
      log: (fields: Record<string, unknown>) => scrubFields(fields),
    },
    // Errors are plain objects by the time that serializers run: pino's own would look for more.
    serializers: { err: (value: unknown) => value },
    hooks: {
      logMethod(
        this: Logger,
        inputs: Parameters<Logger['info']>,
        method: (...inputs: Parameters<Logger['info']>) => void,
      ) {
        const [fields, ...texts] = inputs as unknown[]
        // pino would take a lone error's own message as the text of the line, past `scrub`.
        const whole = fields instanceof Error && texts.length === 0 ? [fields, fields.message] : inputs
        const clean = whole.map(input => (typeof input === 'string' ? scrubText(input) : input))
        method.apply(this, clean as Parameters<Logger['info']>)
      },
    },
  }
  const logger = destination ? pino(options, destination) : pino(options)
  scrubBindings(logger)
  return logger
}

/** pino applies no formatter to what `child` and `setBindings` are given. Children inherit these methods. */
function scrubBindings(logger: Logger): void {
  const { child, setBindings } = logger
  logger.child = function (this: Logger, bindings: Record<string, unknown>, options) {
    return child.call(this, scrubFields(bindings), options) as ReturnType<typeof child>
  } as typeof child
  logger.setBindings = function (bindings) {
    setBindings.call(this, scrubFields(bindings))
  }
}

/** A value as it may be logged: secrets replaced, errors reduced to what they say, foreign objects to their names. */
export function scrub(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return scrubText(value)
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'function' || typeof value === 'symbol') return `[${typeof value}]`
  if (typeof value !== 'object' || value === null) return value
  if (depth > maxDepth) return '[deeper]'
  if (value instanceof Error) return scrubError(value, depth)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (value instanceof URL) return scrubText(`${value.origin}${value.pathname}`)
  if (value instanceof Uint8Array) return `[${value.byteLength} bytes]`
  if (Array.isArray(value)) {
    const items = value.slice(0, maxItems).map(item => scrub(item, depth + 1))
    return value.length > maxItems ? [...items, `[${value.length - maxItems} more]`] : items
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  // Requests, sockets, SDK clients: their fields hold whatever they like.
  if (prototype !== Object.prototype && prototype !== null) return `[${value.constructor?.name ?? 'object'}]`
  return scrubFields(value as Record<string, unknown>, depth)
}

function scrubFields(fields: Record<string, unknown>, depth = 0): Record<string, unknown> {
  const clean: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields).slice(0, maxItems)) clean[name] = scrubField(name, value, depth)
  return clean
}

function scrubField(name: string, value: unknown, depth: number): unknown {
  if (value === undefined) return undefined
  if (name === 'req' && typeof value === 'object' && value !== null) return scrubRequest(value)
  if (name === 'res' && typeof value === 'object' && value !== null) return pick(value, ['statusCode'])
  const plain = name.toLowerCase().replace(/[-_ ]/g, '')
  if (secretField.test(plain) && !harmlessFields.has(plain)) return redacted
  return scrub(value, depth + 1)
}

/** An HTTP request of Fastify or Node: never its headers or body, and no query, which may hold a token. */
function scrubRequest(request: object): Record<string, unknown> {
  const { url, ...rest } = pick(request, ['id', 'method', 'url', 'ip'])
  return typeof url === 'string' ? { ...rest, url: scrubText(url.split('?')[0] ?? '') } : rest
}

/** What an error says, with its causes. Never its other fields: SDK errors carry requests, configuration and headers. */
function scrubError(error: Error, depth: number): Record<string, unknown> {
  const said = pick(error, ['code', 'statusCode', 'hint', 'fault', 'syscall'])
  const metadata: unknown = Reflect.get(error, '$metadata')
  const aws = typeof metadata === 'object' && metadata !== null ? pick(metadata, ['httpStatusCode', 'requestId']) : {}
  return {
    type: error.name,
    message: scrubText(error.message),
    ...said,
    ...aws,
    stack: scrubText(error.stack ?? ''),
    ...(error.cause === undefined ? {} : { cause: scrub(error.cause, depth + 1) }),
  }
}

/** The named fields that hold texts or numbers. */
function pick(from: object, names: readonly string[]): Record<string, unknown> {
  const picked: Record<string, unknown> = {}
  for (const name of names) {
    const value: unknown = Reflect.get(from, name)
    if (typeof value === 'number') picked[name] = value
    else if (typeof value === 'string') picked[name] = scrubText(value)
  }
  return picked
}

function scrubText(text: string): string {
  // Cut before the search, so that a whole response in a message costs little.
  let clean =
    text.length > maxTextLength ? `${text.slice(0, maxTextLength)} [${text.length - maxTextLength} more]` : text
  for (const pattern of secretTexts) clean = clean.replace(pattern, `$1${redacted}`)
  return clean
}
