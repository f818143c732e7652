// What of a request or a setting may be written down: everything but secrets, and not too much of it.

const redacted = '[secret]'

/** Names of fields whose values are never written down. Names of keys (`accessKeyId`, `kmsKeyId`) are none. */
const secretField =
  /passw|passphrase|secret|token$|^code$|^(current|next)$|signingkey|privatekey|sessionkey|credential|cookie|authorization|pem$/

const maxDepth = 8
const maxItems = 50
const maxTextLength = 500
/** Of the whole, as JSON. */
const maxLength = 8192

/** A copy without secrets, bounded in size. */
export function withoutSecrets(value: unknown): unknown {
  const clean = scrub(value, 0)
  const length = JSON.stringify(clean)?.length ?? 0
  return length > maxLength ? `[${length} characters]` : clean
}

function scrub(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return scrubText(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth >= maxDepth) return '[deeper]'
  if (Array.isArray(value)) {
    const items = value.slice(0, maxItems).map(item => scrub(item, depth + 1))
    return value.length > maxItems ? [...items, `[${value.length - maxItems} more]`] : items
  }
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .map(([name, field]) => [name, isSecret(name, field) ? redacted : scrub(field, depth + 1)]),
  )
}

/** A flag such as `passwordSet: true` says something and gives nothing away. */
function isSecret(name: string, value: unknown): boolean {
  return typeof value !== 'boolean' && value !== null && secretField.test(name.toLowerCase().replace(/[-_ ]/g, ''))
}

function scrubText(text: string): string {
  const cut =
    text.length > maxTextLength ? `${text.slice(0, maxTextLength)} [${text.length - maxTextLength} more]` : text
  return cut
    .replace(/([a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/@]+@/gi, `$1${redacted}@`)
    .replace(/\bhoist_[\w-]{20,}/g, redacted)
    .replace(/([?&][^=&\s]*(?:token|signature|password|secret|key)[^=&\s]*=)[^&\s]+/gi, `$1${redacted}`)
    .replace(/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*/g, redacted)
}
