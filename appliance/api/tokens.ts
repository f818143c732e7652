// API tokens: each account sees and revokes its own, an administrator all.
import { Type } from 'typebox'
import type { AccessService } from '../accounts/access-service.ts'
import type { Principal } from './authenticate.ts'
import type { Routes } from './routes.ts'
import { errorAnswers, IdParams } from './schemas/common.ts'
import { TokenBody, TokenList, TokenMade } from './schemas/tokens.ts'

const tags = ['tokens']

export function tokenRoutes(app: Routes, { tokens }: AccessService): void {
  app.get(
    '/api/tokens',
    {
      schema: {
        summary: 'The own API tokens; for an administrator, all',
        tags,
        response: { 200: TokenList, ...errorAnswers },
      },
    },
    async request => ({ items: await tokens.list(scopeOf(request.principal)) }),
  )
  app.post(
    '/api/tokens',
    {
      schema: {
        summary: 'Make an API token; it is shown this once, and may what its maker may',
        tags,
        body: TokenBody,
        response: { 201: TokenMade, ...errorAnswers },
      },
    },
    async (request, reply) => {
      const { token, secret } = await tokens.create(accountIdOf(request.principal), request.body)
      return reply.code(201).send({ ...token, token: secret })
    },
  )
  app.delete(
    '/api/tokens/:id',
    {
      schema: {
        summary: 'Revoke an API token',
        tags,
        params: IdParams,
        response: { 204: Type.Null(), ...errorAnswers },
      },
    },
    async (request, reply) => {
      await tokens.revoke(scopeOf(request.principal), request.params.id)
      return reply.code(204).send(null)
    },
  )
}

/** Whose tokens somebody sees: undefined for all. */
function scopeOf(principal: Principal | undefined): string | undefined {
  if (principal && 'role' in principal && principal.role === 'administrator') return undefined
  return accountIdOf(principal) ?? 'nobody'
}

function accountIdOf(principal: Principal | undefined): string | undefined {
  if (principal?.kind === 'account') return principal.id
  return principal?.kind === 'token' ? principal.accountId : undefined
}
