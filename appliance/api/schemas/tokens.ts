// API tokens, as the API takes and shows them. A token itself is shown once, when it is made.
import { type Static, Type } from 'typebox'
import { strict, Timestamp } from './common.ts'
import { Role } from './session.ts'

const token = {
  id: Type.String(),
  name: Type.String(),
  readOnly: Type.Boolean(),
  createdAt: Timestamp,
  lastUsedAt: Type.Optional(Timestamp),
  account: Type.Optional(
    Type.Object(
      { id: Type.String(), name: Type.String(), role: Role },
      { ...strict, description: 'Who made it; absent when a script on the appliance did' },
    ),
  ),
}

export const TokenView = Type.Object(token, strict)
export type TokenView = Static<typeof TokenView>
export const TokenList = Type.Object({ items: Type.Array(TokenView) }, strict)

export const TokenBody = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 128, pattern: '^[^\\u0000-\\u001f\\u007f]+$' }),
    readOnly: Type.Boolean({ description: 'It may ask, and change nothing' }),
  },
  strict,
)
export type TokenBody = Static<typeof TokenBody>

export const TokenMade = Type.Object(
  { ...token, token: Type.String({ description: 'For "Authorization: Bearer TOKEN"; it is not shown again' }) },
  strict,
)
export type TokenMade = Static<typeof TokenMade>
