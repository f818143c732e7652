// The policy: bandwidth, blackouts and limits that hold for all jobs.
import type { Policy } from '../domain.ts'
import type { Routes } from './routes.ts'
import { errorAnswers } from './schemas/common.ts'
import { Policy as PolicySchema } from './schemas/policy.ts'

export interface PolicyService {
  get(): Promise<Policy>
  /** In force when it resolves. @throws {ApplianceError} POLICY_INVALID, saying what cannot be kept */
  set(policy: Policy): Promise<Policy>
}

const tags = ['policy']

export function policyRoutes(app: Routes, policy: PolicyService): void {
  const response = { 200: PolicySchema, ...errorAnswers }
  app.get('/api/policy', { schema: { summary: 'What holds for all jobs', tags, response } }, () => policy.get())
  app.put(
    '/api/policy',
    { schema: { summary: 'Replace the policy; it is in force at once', tags, body: PolicySchema, response } },
    request => policy.set(request.body),
  )
}
