// Accounts of people.
import { Type } from 'typebox'
import type { AccessService } from '../accounts/access-service.ts'
import type { Routes } from './routes.ts'
import { AccountBody, AccountList, AccountPatch, AccountView } from './schemas/accounts.ts'
import { errorAnswers, IdParams } from './schemas/common.ts'

const tags = ['accounts']

export function accountRoutes(app: Routes, access: AccessService): void {
  const { accounts } = access
  app.get(
    '/api/accounts',
    { schema: { summary: 'All accounts, by name', tags, response: { 200: AccountList, ...errorAnswers } } },
    async () => ({ items: await accounts.list() }),
  )
  app.post(
    '/api/accounts',
    {
      schema: { summary: 'Make an account', tags, body: AccountBody, response: { 201: AccountView, ...errorAnswers } },
    },
    async (request, reply) => {
      const made = await accounts.create(request.body)
      await access.settle()
      return reply.code(201).send(made)
    },
  )
  app.patch(
    '/api/accounts/:id',
    {
      schema: {
        summary: 'Change role or password, which ends its sessions, or unlock it',
        tags,
        params: IdParams,
        body: AccountPatch,
        response: { 200: AccountView, ...errorAnswers },
      },
    },
    async request => {
      const changed = await accounts.change(request.params.id, request.body)
      await access.settle()
      return changed
    },
  )
  app.delete(
    '/api/accounts/:id',
    {
      schema: {
        summary: 'Delete an account, with its sessions and API tokens',
        tags,
        params: IdParams,
        response: { 204: Type.Null(), ...errorAnswers },
      },
    },
    async (request, reply) => {
      await accounts.remove(request.params.id)
      return reply.code(204).send(null)
    },
  )
}
