// Bodies in JSON: text that is no Unicode is refused, where Node would put other characters in its place.
import { isUtf8 } from 'node:buffer'
import { ApplianceError } from '../errors.ts'
import type { Routes } from './routes.ts'

/** Takes the place of Fastify's own parser, which reads bytes that are no UTF-8 as U+FFFD, and lets halves of surrogate pairs pass. */
export function parseJsonBodies(app: Routes): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body: Buffer, done) => {
    if (!isUtf8(body)) return done(noUnicode())
    const text = body.toString()
    parse(request, text, (error, parsed) => {
      if (error) return done(error)
      // In bytes that are UTF-8 a half can only be written as an escape.
      if (text.includes('\\u') && !isWellFormed(parsed)) return done(noUnicode())
      done(null, parsed)
    })
  })
}

/** Keys too. Without recursion: a body may be nested as deep as it is long. */
function isWellFormed(value: unknown): boolean {
  const waiting = [value]
  while (waiting.length > 0) {
    const next = waiting.pop()
    if (typeof next === 'string' && !next.isWellFormed()) return false
    if (typeof next === 'object' && next !== null)
      for (const [key, inner] of Object.entries(next)) {
        if (!key.isWellFormed()) return false
        waiting.push(inner)
      }
  }
  return true
}

function noUnicode(): ApplianceError {
  return new ApplianceError('INVALID_REQUEST', 'The body is no Unicode text', {
    hint: 'Send JSON in UTF-8, and characters beyond U+FFFF as whole surrogate pairs where they are escaped.',
  })
}
