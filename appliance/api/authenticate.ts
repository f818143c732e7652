// Who sends a request, and whether they may: by session cookie, by API token, or by a token of the data directory.
import type { FastifyRequest } from 'fastify'
import type { AccessService } from '../accounts/access-service.ts'
import { sameText } from '../accounts/bearer-secret.ts'
import { fromThisMachine } from '../accounts/client-address.ts'
import { addressKey, createRateLimit } from '../accounts/rate-limit.ts'
import { type FoundSession, isCsrf } from '../accounts/sessions.ts'
import { ApplianceError } from '../errors.ts'
import type { Role } from '../store/accounts.ts'
import { type Access, accessFor, hasRole } from './access.ts'
import { readCookie } from './cookie.ts'
import { createLiveConnections } from './live-connections.ts'
import { refuseForeignOrigin } from './origin.ts'
import type { Routes } from './routes.ts'

/** Who sends a request. */
export type Principal =
  | { kind: 'account'; id: string; name: string; role: Role; session: FoundSession }
  | { kind: 'token'; id: string; name: string; role: Role; readOnly: boolean; accountId: string | undefined }
  /** A script on the appliance itself, which may read the data directory. */
  | { kind: 'local'; role: 'administrator' }
  | { kind: 'setup'; session: FoundSession }
  | { kind: 'metrics' }

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | undefined
  }
}

export interface AuthenticationOptions {
  access: AccessService
  /** Of the files api-token and metrics-token. */
  token: string
  metricsToken: string
  limits?: RequestLimits
}

/** Requests of one address; those of scripts on the appliance itself are not counted. */
export interface RequestLimits {
  anonymous: { burst: number; perSecond: number }
  /** A page with all its tables asks for some dozens at once. */
  known: { burst: number; perSecond: number }
}

const defaultLimits: RequestLimits = {
  anonymous: { burst: 200, perSecond: 20 },
  known: { burst: 1000, perSecond: 100 },
}

const safeMethods = new Set(['GET', 'HEAD'])
/** Sent by the page's timers: nobody is there. */
const backgroundHeader = 'x-hoist-background'

/** Lets a request pass that may use its route, and says in `request.principal` whose it is. */
export function authenticate(app: Routes, options: AuthenticationOptions): void {
  const { access, limits = defaultLimits } = options
  const { nowMs } = access
  const anonymous = createRateLimit({ ...limits.anonymous, nowMs })
  const known = createRateLimit({ ...limits.known, nowMs })
  const live = createLiveConnections(err => app.log.error({ err }, 'session of a stream could not be looked at'))
  app.addHook('onClose', async () => live.close())
  app.decorateRequest('principal', undefined)
  app.addHook('onRequest', async (request, reply) => {
    const wanted = accessFor(request.routeOptions.config?.access, request.url)
    const principal = wanted.role === 'nobody' ? undefined : await identify(request, options)
    if (principal?.kind !== 'local') {
      const limit = principal ? known : anonymous
      const waitMs = limit.take(`${addressKey(request.ip)} ${principal ? keyOf(principal) : ''}`)
      if (waitMs > 0) throw tooMany(waitMs)
    }
    // Before it is known whether they may: the audit log says who was refused.
    request.principal = principal
    refuseForged(request, principal, wanted)
    refuseUnlessAllowed(request, principal, wanted)
    if (request.routeOptions.url === '/api/events' && principal) live.watch(reply.raw, () => isLive(access, principal))
  })
}

/** The one whose secret the request shows. With an Authorization header the cookie does not count. */
async function identify(request: FastifyRequest, options: AuthenticationOptions): Promise<Principal | undefined> {
  const { access, token, metricsToken } = options
  const { authorization } = request.headers
  if (authorization === undefined) {
    const secret = readCookie(request.headers.cookie)
    if (secret === undefined) return undefined
    const used = request.headers[backgroundHeader] === undefined && request.routeOptions.url !== '/api/events'
    const session = await access.sessions.find(secret, { used })
    if (!session) return undefined
    return session.account ? { kind: 'account', ...session.account, session } : { kind: 'setup', session }
  }
  const [scheme, given] = authorization.split(' ')
  if (scheme?.toLowerCase() !== 'bearer' || !given) return undefined
  // Both: a copy of the disk holds the token, and an address proves nothing.
  if (sameText(given, token))
    return fromThisMachine(request.ip, request.socket.localAddress)
      ? { kind: 'local', role: 'administrator' }
      : undefined
  if (sameText(given, metricsToken)) return { kind: 'metrics' }
  const found = await access.tokens.find(given)
  if (!found) return undefined
  const { id, name, readOnly, account } = found
  return { kind: 'token', id, name, readOnly, role: account?.role ?? 'administrator', accountId: account?.id }
}

/** What a browser sends by itself proves nothing: the own page has to have made the request. */
function refuseForged(request: FastifyRequest, principal: Principal | undefined, wanted: Access): void {
  const changes = !safeMethods.has(request.method)
  const session = principal && 'session' in principal ? principal.session : undefined
  if (changes || session) refuseForeignOrigin(request.headers)
  // Where anybody may ask, nothing is done in the name of the session.
  if (!changes || !session || wanted.role === 'anybody') return
  const given = request.headers['x-hoist-csrf']
  if (typeof given === 'string' && isCsrf(session, given)) return
  throw new ApplianceError('CSRF_REFUSED', 'The header x-hoist-csrf is missing, or belongs to another session.', {
    hint: 'Send the value "csrf" of GET /api/session; reload the page.',
  })
}

function refuseUnlessAllowed(request: FastifyRequest, principal: Principal | undefined, wanted: Access): void {
  const { role } = wanted
  if (role === 'nobody' || role === 'anybody') return
  const mayByKind =
    principal?.kind === 'setup'
      ? wanted.setup || wanted.setupOnly
      : principal?.kind === 'metrics'
        ? wanted.metrics
        : principal && !wanted.setupOnly
  if (principal && mayByKind) {
    if (principal.kind === 'setup' || principal.kind === 'metrics') return
    if (wanted.localOnly && principal.kind !== 'local') throw forbidden("Only the machine's own console may do this.")
    if (principal.kind === 'token' && (wanted.noTokens || (principal.readOnly && !safeMethods.has(request.method))))
      throw forbidden(principal.readOnly ? 'This API token may read only.' : 'API tokens may not do this.')
    if (hasRole(principal.role, role)) return
    throw forbidden(`This needs the role ${role}; yours is ${principal.role}.`)
  }
  // Who has no account is told to sign in, also where a setup or metrics token leads nowhere.
  if (!principal || principal.kind === 'setup' || principal.kind === 'metrics') throw unauthorized(wanted)
  throw forbidden('Only the setup of a new appliance can do this.')
}

/** Whether a stream may go on. */
async function isLive(access: AccessService, principal: Principal): Promise<boolean> {
  if (principal.kind === 'account') return await access.sessions.isLive(principal.session.hash)
  if (principal.kind === 'token') return await access.tokens.isLive(principal.id)
  return principal.kind === 'local'
}

function keyOf(principal: Principal): string {
  if (principal.kind === 'account' || principal.kind === 'token') return principal.id
  return principal.kind
}

function tooMany(waitMs: number): ApplianceError {
  const seconds = Math.ceil(waitMs / 1000)
  return new ApplianceError('RATE_LIMITED', 'There are too many requests from this address.', {
    retryAfterSeconds: seconds,
    hint: `Wait ${seconds} seconds.`,
  })
}

function forbidden(message: string): ApplianceError {
  return new ApplianceError('FORBIDDEN', message, { hint: 'Ask an administrator of the appliance.' })
}

function unauthorized({ metrics, setupOnly }: Access): ApplianceError {
  const files = metrics ? 'api-token or metrics-token' : 'api-token'
  return new ApplianceError('UNAUTHORIZED', 'This needs a session or an API token', {
    hint: setupOnly
      ? 'Type the setup code that the console shows.'
      : `Sign in, or send "Authorization: Bearer TOKEN"; for scripts on the appliance one stands in the file ${files} of the data directory.`,
  })
}
