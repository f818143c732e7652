// General Health as the API shows it.
import { type Static, Type } from 'typebox'
import { strict, Timestamp } from './common.ts'

export const HealthCheckView = Type.Object(
  {
    id: Type.String({ description: 'Stable: group.name' }),
    group: Type.Union([
      Type.Literal('network'),
      Type.Literal('vcenter'),
      Type.Literal('aws'),
      Type.Literal('appliance'),
    ]),
    title: Type.String(),
    state: Type.Union([
      Type.Literal('notStarted', { description: 'Not asked yet, or it does not apply yet: then there is a cause' }),
      Type.Literal('inProgress'),
      Type.Literal('success'),
      Type.Literal('warning'),
      Type.Literal('error'),
    ]),
    at: Type.Optional(Timestamp),
    tookMs: Type.Optional(Type.Integer()),
    cause: Type.Optional(Type.String({ description: 'What was found' })),
    fix: Type.Optional(Type.String({ description: 'What to do about it' })),
  },
  strict,
)
export type HealthCheckView = Static<typeof HealthCheckView>

export const HealthView = Type.Object(
  {
    checks: Type.Array(HealthCheckView, { description: 'Always all of them, in the same order' }),
    at: Type.Optional(Type.String({ description: 'End of the last whole round, ISO 8601, UTC' })),
    running: Type.Boolean(),
  },
  strict,
)
export type HealthView = Static<typeof HealthView>

export const HealthRun = Type.Object(
  { started: Type.Boolean({ description: 'False: a round was under way already' }) },
  strict,
)
