// EBS direct's tokens: of a block, of a page. Each is bound to what it was given for and dies with its time.
import { createHmac, randomBytes } from 'node:crypto'
import { validationError } from './aws-error.ts'

const secret = randomBytes(32)

function seal(text: string): string {
  return createHmac('sha256', secret).update(text).digest('base64url').slice(0, 22)
}

export function makeToken(subject: string, value: number, expiresAtMs: number): string {
  return Buffer.from(`${value}|${expiresAtMs}|${seal(`${subject}|${value}|${expiresAtMs}`)}`).toString('base64')
}

/** The value in the token. @throws ValidationException with the reason, for one that is forged, foreign or too old. */
export function readToken(token: string, subject: string, nowMs: number, reason: string): number {
  const [value = '', expiresAt = '', signature] = Buffer.from(token, 'base64').toString().split('|')
  if (signature !== seal(`${subject}|${value}|${expiresAt}`)) throw validationError(reason, 'The token is not valid.')
  if (nowMs >= Number(expiresAt)) throw validationError(reason, 'The token has expired.')
  return Number(value)
}
