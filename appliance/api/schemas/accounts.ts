// Accounts, as the API takes and shows them. No hash of a password leaves the appliance.
import { type Static, Type } from 'typebox'
import { strict, Timestamp } from './common.ts'
import { AccountName, Password, Role } from './session.ts'

export const AccountView = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    role: Role,
    createdAt: Timestamp,
    lastSignInAt: Type.Optional(Timestamp),
    lockedUntil: Type.Optional(Timestamp),
  },
  strict,
)
export type AccountView = Static<typeof AccountView>
export const AccountList = Type.Object({ items: Type.Array(AccountView) }, strict)

export const AccountBody = Type.Object({ name: AccountName, role: Role, password: Password }, strict)
export type AccountBody = Static<typeof AccountBody>

export const AccountPatch = Type.Object(
  {
    role: Type.Optional(Role),
    password: Type.Optional(Password),
    unlock: Type.Optional(Type.Literal(true, { description: 'Lets it sign in at once after too many failures' })),
  },
  { ...strict, minProperties: 1 },
)
export type AccountPatch = Static<typeof AccountPatch>
