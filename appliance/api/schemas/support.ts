// What support reads and downloads.
import { type Static, Type } from 'typebox'
import { PageQuery, strict, Timestamp } from './common.ts'

const LogLevel = Type.Union([
  Type.Literal('trace'),
  Type.Literal('debug'),
  Type.Literal('info'),
  Type.Literal('warn'),
  Type.Literal('error'),
  Type.Literal('fatal'),
])

export const LogQuery = Type.Object(
  {
    level: Type.Optional(LogLevel),
    text: Type.Optional(Type.String({ maxLength: 200, description: 'Anywhere in the line, whatever the case' })),
    ...PageQuery,
  },
  strict,
)
export type LogQuery = Static<typeof LogQuery>

export const LogList = Type.Object(
  {
    items: Type.Array(
      Type.Object(
        {
          at: Timestamp,
          level: LogLevel,
          message: Type.String(),
          fields: Type.Record(Type.String(), Type.Any()),
        },
        strict,
      ),
      { description: 'Newest first' },
    ),
    next: Type.Optional(Type.String({ description: 'There is more to search, also when the page is short' })),
  },
  strict,
)
export type LogList = Static<typeof LogList>

const time = '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,9})?)?(Z|[+-]\\d{2}:\\d{2})$'
const Moment = Type.String({ maxLength: 40, pattern: time, description: 'ISO 8601 with zone' })

export const BundleQuery = Type.Object(
  {
    from: Type.Optional(Moment),
    to: Type.Optional(Moment),
    obfuscate: Type.Optional(
      Type.Boolean({ description: 'Names and addresses become pseudonyms, the same ones throughout' }),
    ),
  },
  strict,
)
export type BundleQuery = Static<typeof BundleQuery>

export const LogUploadBody = Type.Object({ enabled: Type.Boolean() }, strict)

export const LogUploadView = Type.Object(
  {
    enabled: Type.Boolean(),
    lastAt: Type.Optional(Timestamp),
    lastKey: Type.Optional(Type.String({ description: "Of the object in the connector's bucket" })),
    failure: Type.Optional(Type.Object({ code: Type.String(), message: Type.String(), hint: Type.String() }, strict)),
  },
  strict,
)
export type LogUploadView = Static<typeof LogUploadView>

export const SupportView = Type.Object(
  { logUpload: LogUploadView, logBytes: Type.Integer({ description: 'Of all log files' }) },
  strict,
)
export type SupportView = Static<typeof SupportView>
