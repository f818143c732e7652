// What the machine's own console asks of the service, and what it reports to it.
import { type Static, Type } from 'typebox'
import { strict } from './common.ts'

export const ConsoleView = Type.Object(
  {
    version: Type.String(),
    claimed: Type.Boolean({ description: 'There is an administrator' }),
    setupCode: Type.Optional(
      Type.String({ description: 'Until there is an administrator; absent when it was given at the deployment' }),
    ),
    problems: Type.Array(
      Type.Object(
        {
          title: Type.String(),
          state: Type.Union([Type.Literal('warning'), Type.Literal('error')]),
          cause: Type.Optional(Type.String()),
        },
        strict,
      ),
      { description: 'Checks that did not go well when they ran last, errors first' },
    ),
    checkedAt: Type.Optional(Type.String({ description: 'End of the last whole round of checks, ISO 8601, UTC' })),
  },
  strict,
)
export type ConsoleView = Static<typeof ConsoleView>

/** What may be done on the console: the verbs of the machine, and what else it does. */
export const consoleActs = [
  'network',
  'hostname',
  'proxy',
  'time',
  'reset-password',
  'ssh',
  'updates',
  'log-bundle',
  'restart-service',
  'restart-machine',
  'factory-reset',
] as const

export const ConsoleReport = Type.Object(
  {
    act: Type.Unsafe<(typeof consoleActs)[number]>(Type.Union(consoleActs.map(act => Type.Literal(act)))),
    outcome: Type.Union([Type.Literal('asked'), Type.Literal('done'), Type.Literal('failed')], {
      description: 'asked: what it does ends the service, which could not be told afterwards',
    }),
    error: Type.Optional(Type.String({ maxLength: 64, pattern: '^[A-Z0-9_]+$', description: 'Its code' })),
    /** Without secrets. */
    values: Type.Optional(Type.Record(Type.String({ maxLength: 32 }), Type.String({ maxLength: 500 }))),
  },
  strict,
)
export type ConsoleReport = Static<typeof ConsoleReport>
