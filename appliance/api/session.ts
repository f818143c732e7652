// Who may use the API: the bearer of this appliance's local token.
import { createHash, timingSafeEqual } from 'node:crypto'
import { ApplianceError } from '../errors.ts'
import type { Routes } from './routes.ts'

/** Routes that answer without a token: whether the service lives, and how to speak to it. */
const open = new Set(['/api/health/live', '/api/health/ready', '/api/openapi.json'])

/** Refuses every request without the token. Hashes are compared, so that neither length nor content leaks by time. */
export function requireToken(app: Routes, token: string): void {
  const expected = digest(token)
  app.addHook('onRequest', async request => {
    if (request.routeOptions.url !== undefined && open.has(request.routeOptions.url)) return
    const [scheme, given] = (request.headers.authorization ?? '').split(' ')
    if (scheme?.toLowerCase() === 'bearer' && given && timingSafeEqual(digest(given), expected)) return
    throw new ApplianceError('UNAUTHORIZED', 'This needs the API token', {
      hint: 'Send "Authorization: Bearer TOKEN"; the token stands in the file api-token of the data directory.',
    })
  })
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
