// The setup of a new appliance: who may claim it, and how far it is.
import type { AccessService } from '../accounts/access-service.ts'
import { addressKey } from '../accounts/rate-limit.ts'
import { ApplianceError } from '../errors.ts'
import type { Routes } from './routes.ts'
import { errorAnswers } from './schemas/common.ts'
import { SessionView } from './schemas/session.ts'
import { AdministratorBody, SetupCodeBody, SetupStepBody, SetupStepParams, SetupView } from './schemas/setup.ts'
import { signedIn } from './session.ts'

const tags = ['setup']

export function setupRoutes(app: Routes, access: AccessService): void {
  app.post(
    '/api/setup/code',
    {
      schema: {
        summary: 'Prove to be at the console, and begin the setup; its session is in the cookie',
        tags,
        body: SetupCodeBody,
        response: { 200: SessionView, ...errorAnswers },
      },
    },
    async (request, reply) => {
      await access.setupCode.check(request.body.code, addressKey(request.ip))
      request.auditActor = { kind: 'setup', name: 'whoever knew the setup code' }
      const { principal } = request
      if (principal && 'session' in principal) await access.sessions.end(principal.session.hash)
      return await signedIn(access, reply, { kind: 'setup' }, await access.sessions.open(undefined))
    },
  )
  app.post(
    '/api/setup/administrator',
    {
      schema: {
        summary: 'Make the administrator, and sign in; the setup code is gone then',
        tags,
        body: AdministratorBody,
        response: { 201: SessionView, ...errorAnswers },
      },
    },
    async (request, reply) => {
      const { account, session } = await access.claim(request.body)
      return reply.code(201).send(await signedIn(access, reply, { ...account, kind: 'account' }, session))
    },
  )
  const response = { 200: SetupView, ...errorAnswers }
  app.get('/api/setup', { schema: { summary: 'Which steps of the setup are done', tags, response } }, () =>
    access.setup.view(),
  )
  app.put(
    '/api/setup/steps/:id',
    {
      schema: {
        summary: 'Note that a step is done, or to be done again',
        tags,
        params: SetupStepParams,
        body: SetupStepBody,
        response,
      },
    },
    request => {
      const { id } = request.params
      if (request.principal?.kind === 'setup' && id !== 'licence')
        throw new ApplianceError('FORBIDDEN', `The step ${id} needs an administrator.`, {
          hint: 'Make the administrator first.',
        })
      return access.setup.set(id, request.body.done)
    },
  )
}
