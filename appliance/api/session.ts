// Signing in and out, and the own password.
import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'
import type { AccessService } from '../accounts/access-service.ts'
import { checkPassword } from '../accounts/password-rules.ts'
import { addressKey } from '../accounts/rate-limit.ts'
import type { OpenSession } from '../accounts/sessions.ts'
import { ApplianceError } from '../errors.ts'
import type { Principal } from './authenticate.ts'
import { clearCookie, setCookie } from './cookie.ts'
import type { Routes } from './routes.ts'
import { errorAnswers } from './schemas/common.ts'
import { PasswordChange, PasswordCheckBody, PasswordVerdict, SessionView, SignInBody } from './schemas/session.ts'

const tags = ['session']

export function sessionRoutes(app: Routes, access: AccessService): void {
  const response = { 200: SessionView, ...errorAnswers }
  app.get('/api/session', { schema: { summary: 'Who is signed in, if anybody', tags, response } }, request =>
    sessionView(access, request.principal),
  )
  app.post(
    '/api/session',
    { schema: { summary: 'Sign in; the session is in the cookie', tags, body: SignInBody, response } },
    async (request, reply) => {
      const { name, password } = request.body
      const known = await access.accounts.knownName(name)
      if (known !== undefined) request.auditActor = { kind: 'nobody', name: known }
      const account = await access.accounts.signIn(name, password, addressKey(request.ip))
      request.auditActor = { kind: 'account', name: account.name, id: account.id }
      await endSession(access, request.principal)
      const session = await access.sessions.open(account.id)
      return await signedIn(access, reply, { ...account, kind: 'account' }, session)
    },
  )
  app.delete(
    '/api/session',
    { schema: { summary: 'Sign out', tags, response: { 204: Type.Null(), ...errorAnswers } } },
    async (request, reply) => {
      await endSession(access, request.principal)
      return reply.header('set-cookie', clearCookie()).code(204).send(null)
    },
  )
  app.put(
    '/api/session/password',
    {
      schema: {
        summary: 'Change the own password; ends all other sessions of the account',
        tags,
        body: PasswordChange,
        response,
      },
    },
    async (request, reply) => {
      const { principal, body } = request
      if (principal?.kind !== 'account')
        throw new ApplianceError('FORBIDDEN', 'A script has no password.', {
          hint: 'Change the password of an account with PATCH /api/accounts/{id}.',
        })
      await access.accounts.changeOwnPassword(principal, body, addressKey(request.ip))
      return await signedIn(access, reply, principal, await access.sessions.open(principal.id))
    },
  )
  app.post(
    '/api/password-check',
    {
      schema: {
        summary: 'How strong a password looks; nothing is kept',
        tags,
        body: PasswordCheckBody,
        response: { 200: PasswordVerdict, ...errorAnswers },
      },
    },
    request => checkPassword(request.body.password, request.body.name),
  )
}

/** What a page shows first. */
export async function sessionView(access: AccessService, principal: Principal | undefined): Promise<SessionView> {
  const { complete: setupComplete } = await access.setup.view()
  const claimed = await access.accounts.hasAdministrator()
  const nobody = { state: claimed ? 'signedOut' : 'unclaimed', setupComplete } as const
  switch (principal?.kind) {
    case 'account':
    case 'setup': {
      const { csrf, expiresAt } = principal.session
      if (principal.kind === 'setup') return { ...nobody, csrf, expiresAt }
      const { id, name, role } = principal
      return { state: 'signedIn', setupComplete, csrf, expiresAt, account: { id, name, role } }
    }
    case 'token':
    case 'local': {
      const { id, name } = principal.kind === 'token' ? principal : { id: 'local', name: 'api-token' }
      return { state: 'signedIn', setupComplete, account: { id, name, role: principal.role } }
    }
    default:
      return nobody
  }
}

/** Sets the cookie of a new session, and answers as GET /api/session does from now on. */
export async function signedIn(
  access: AccessService,
  reply: FastifyReply,
  who: Pick<Principal & { kind: 'account' }, 'kind' | 'id' | 'name' | 'role'> | { kind: 'setup' },
  open: OpenSession,
): Promise<SessionView> {
  reply.header('set-cookie', setCookie(open.secret))
  const session = { ...open, hash: '' }
  return await sessionView(access, { ...who, session })
}

async function endSession(access: AccessService, principal: Principal | undefined): Promise<void> {
  if (principal && 'session' in principal) await access.sessions.end(principal.session.hash)
}
