// Secrets that browsers and scripts hold, and what is kept of them here.
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** 256 bit: beyond guessing, so that one pass of SHA-256 is enough of a hash. */
export function newSecret(prefix = ''): string {
  return `${prefix}${randomBytes(32).toString('base64url')}`
}

/** What is stored, hex. Looked up by this, never by the secret: an index tells by time how far a guess is right. */
export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

/** The value that proves that a request comes from a page which may read answers: bound to its session, and not stored. */
export function csrfOf(sessionSecret: string): string {
  return createHmac('sha256', sessionSecret).update('hoist csrf 1').digest('base64url')
}

/** Whether two texts are the same, in a time that tells neither where they differ nor how long they are. */
export function sameText(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
