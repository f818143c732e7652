// The audit log, newest first.
import { Type } from 'typebox'
import type { AuditRepository } from '../store/audit.ts'
import type { Routes } from './routes.ts'
import { AuditPage } from './schemas/audit.ts'
import { errorAnswers, PageQuery, strict } from './schemas/common.ts'

export function auditRoutes(app: Routes, audit: AuditRepository): void {
  app.get(
    '/api/audit',
    {
      schema: {
        summary: 'Who changed what, when, from where, and how it ended; newest first',
        tags: ['audit'],
        querystring: Type.Object(PageQuery, strict),
        response: { 200: AuditPage, ...errorAnswers },
      },
    },
    request => audit.list(request.query),
  )
}
