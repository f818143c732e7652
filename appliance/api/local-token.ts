// Who may use the rescue mode: whoever can read the data directory. There are no accounts while the database is damaged.
import { randomBytes } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { sameText } from '../accounts/bearer-secret.ts'
import { ApplianceError } from '../errors.ts'
import { readCookie } from './cookie.ts'
import { refuseForeignOrigin } from './origin.ts'
import { isOfTheApi } from './page.ts'
import type { Routes } from './routes.ts'

/** Routes that answer without a token: whether the service lives. */
const open = new Set(['/api/health/live', '/api/health/ready'])
/** Routes of the page: open, but for what lies below /api. */
const page = new Set(['/*', '/api/docs'])
/** What only reads. A browser sends the cookie by itself: it must open nothing that changes something. */
const byCookie = new Set(['GET /api/rescue', 'GET /api/rescue/export'])

/**
 * Refuses every request without the token of the file api-token. Returns what a browser that has shown the token may hold as its
 * cookie: downloads by links carry it.
 */
export function requireToken(app: Routes, token: string): { cookie: string } {
  const cookie = randomBytes(32).toString('base64url')
  app.addHook('onRequest', async request => {
    const route = request.routeOptions.url ?? ''
    if (open.has(route) || (page.has(route) && !(route === '/*' && isOfTheApi(request.url)))) return
    const { authorization } = request.headers
    if (authorization !== undefined ? isBearer(authorization, token) : holds(request, cookie)) return
    throw new ApplianceError('UNAUTHORIZED', 'This needs the API token', {
      hint: 'Send "Authorization: Bearer TOKEN"; the token stands in the file api-token of the data directory.',
    })
  })
  return { cookie }
}

function isBearer(authorization: string, token: string): boolean {
  const [scheme, given] = authorization.split(' ')
  return scheme?.toLowerCase() === 'bearer' && given !== undefined && sameText(given, token)
}

/** @throws {ApplianceError} ORIGIN_REFUSED */
function holds(request: FastifyRequest, cookie: string): boolean {
  const given = readCookie(request.headers.cookie)
  if (given === undefined || !byCookie.has(`${request.method} ${request.routeOptions.url}`)) return false
  refuseForeignOrigin(request.headers)
  return sameText(given, cookie)
}
