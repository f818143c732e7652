// Who may use the API: the bearer of this appliance's local token.
import { createHash, timingSafeEqual } from 'node:crypto'
import { ApplianceError } from '../errors.ts'
import type { Routes } from './routes.ts'

/** Routes that answer without a token: whether the service lives, and how to speak to it. */
const open = new Set(['/api/health/live', '/api/health/ready', '/api/openapi.json'])

/** A token that opens one route and nothing else. */
export interface RouteToken {
  route: string
  token: string
  /** Where it stands, for the hint. */
  file: string
}

/**
 * Refuses every request without the API token, or the token of its route. Hashes are compared, so that neither length nor
 * content leaks by time.
 */
export function requireToken(app: Routes, token: string, routeTokens: readonly RouteToken[] = []): void {
  const expected = digest(token)
  const ofRoute = new Map(routeTokens.map(own => [own.route, own]))
  app.addHook('onRequest', async request => {
    const route = request.routeOptions.url ?? ''
    if (open.has(route)) return
    const [scheme, given] = (request.headers.authorization ?? '').split(' ')
    const own = ofRoute.get(route)
    if (scheme?.toLowerCase() === 'bearer' && given) {
      const digested = digest(given)
      if (timingSafeEqual(digested, expected)) return
      if (own && timingSafeEqual(digested, digest(own.token))) return
    }
    const files = own ? `api-token or ${own.file}` : 'api-token'
    throw new ApplianceError('UNAUTHORIZED', 'This needs the API token', {
      hint: `Send "Authorization: Bearer TOKEN"; the token stands in the file ${files} of the data directory.`,
    })
  })
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
