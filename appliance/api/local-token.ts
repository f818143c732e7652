// Who may use the rescue mode: whoever can read the data directory. There are no accounts while the database is damaged.
import { sameText } from '../accounts/bearer-secret.ts'
import { ApplianceError } from '../errors.ts'
import type { Routes } from './routes.ts'

/** Routes that answer without a token: whether the service lives. */
const open = new Set(['/api/health/live', '/api/health/ready'])

/** Refuses every request without the token of the file api-token. */
export function requireToken(app: Routes, token: string): void {
  app.addHook('onRequest', async request => {
    if (open.has(request.routeOptions.url ?? '')) return
    const [scheme, given] = (request.headers.authorization ?? '').split(' ')
    if (scheme?.toLowerCase() === 'bearer' && given && sameText(given, token)) return
    throw new ApplianceError('UNAUTHORIZED', 'This needs the API token', {
      hint: 'Send "Authorization: Bearer TOKEN"; the token stands in the file api-token of the data directory.',
    })
  })
}
