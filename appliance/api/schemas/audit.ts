// The audit log, as the API shows it.
import { type Static, Type } from 'typebox'
import { strict, Timestamp } from './common.ts'

export const AuditEntry = Type.Object(
  {
    id: Type.String(),
    at: Timestamp,
    actor: Type.Object(
      {
        kind: Type.Union(
          [
            Type.Literal('account'),
            Type.Literal('token'),
            Type.Literal('local'),
            Type.Literal('setup'),
            Type.Literal('nobody'),
          ],
          { description: 'local: a script that may read the data directory; setup: who knew the setup code' },
        ),
        name: Type.String(),
        id: Type.Optional(Type.String()),
      },
      strict,
    ),
    address: Type.String(),
    method: Type.String(),
    route: Type.String(),
    target: Type.Record(Type.String(), Type.String()),
    status: Type.Integer(),
    outcome: Type.Union([Type.Literal('done'), Type.Literal('refused'), Type.Literal('failed')]),
    code: Type.Optional(Type.String()),
    request: Type.Optional(Type.Unknown({ description: 'Body and query, without secrets' })),
    before: Type.Optional(Type.Unknown()),
    after: Type.Optional(Type.Unknown()),
  },
  strict,
)
export type AuditEntry = Static<typeof AuditEntry>
export const AuditPage = Type.Object({ items: Type.Array(AuditEntry), next: Type.Optional(Type.String()) }, strict)
