// Schemas that every resource shares. The page takes its types from here.
import { type Static, Type } from 'typebox'

/** Objects of the API refuse keys that they do not know. */
export const strict = { additionalProperties: false } as const

export const ErrorBody = Type.Object(
  {
    code: Type.String({ description: 'Stable, documented in docs/errors.md' }),
    message: Type.String(),
    hint: Type.String({ description: 'What to do next' }),
  },
  { ...strict, $id: 'Error' },
)
export type ErrorBody = Static<typeof ErrorBody>

/** Answers that any route may give besides its own. */
export const errorAnswers = { '4xx': ErrorBody, '5xx': ErrorBody } as const

/** Ids are UUIDs of our own or of vCenter. */
export const Id = Type.String({ minLength: 1, maxLength: 128, pattern: '^[A-Za-z0-9_-]+$' })
export const IdParams = Type.Object({ id: Id }, strict)

export const Timestamp = Type.String({ description: 'ISO 8601, UTC' })

/** Listing by key: `next` of one answer is `after` of the following request. */
export const PageQuery = {
  after: Type.Optional(Type.String({ maxLength: 256 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 100 })),
}

export const Finding = Type.Object(
  {
    severity: Type.Union([Type.Literal('refusal'), Type.Literal('warning')]),
    code: Type.String(),
    message: Type.String(),
    hint: Type.String(),
    diskKey: Type.Optional(Type.Integer()),
  },
  strict,
)
