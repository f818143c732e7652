// Who may use the rescue mode: whoever can read the data directory. There are no accounts while the database is damaged.
import { sameText } from '../accounts/bearer-secret.ts'
import { ApplianceError } from '../errors.ts'
import { isOfTheApi } from './page.ts'
import type { Routes } from './routes.ts'

/** Routes that answer without a token: whether the service lives. */
const open = new Set(['/api/health/live', '/api/health/ready'])
/** Routes of the page: open, but for what lies below /api. */
const page = new Set(['/*', '/api/docs'])
/** Refuses every request without the token of the file api-token. */
export function requireToken(app: Routes, token: string): void {
  app.addHook('onRequest', async request => {
    const route = request.routeOptions.url ?? ''
    if (open.has(route) || (page.has(route) && !(route === '/*' && isOfTheApi(request.url)))) return
    const { authorization } = request.headers
    if (authorization !== undefined && isBearer(authorization, token)) return
    throw new ApplianceError('UNAUTHORIZED', 'This needs the API token', {
      hint: 'Send "Authorization: Bearer TOKEN"; the token stands in the file api-token of the data directory.',
    })
  })
}

function isBearer(authorization: string, token: string): boolean {
  const [scheme, given] = authorization.split(' ')
  return scheme?.toLowerCase() === 'bearer' && given !== undefined && sameText(given, token)
}
