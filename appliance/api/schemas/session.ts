// Sessions and passwords, as the API takes and shows them.
import { type Static, Type } from 'typebox'
import { strict, Timestamp } from './common.ts'

export const Role = Type.Union([Type.Literal('administrator'), Type.Literal('operator'), Type.Literal('support')], {
  description: 'administrator: all; operator: reads, and runs jobs; support: reads, and downloads logs',
})
export type Role = Static<typeof Role>

/** Letters, digits and signs that nobody mistakes for markup, a path or a sentence. */
export const AccountName = Type.String({ minLength: 1, maxLength: 64, pattern: '^[A-Za-z0-9][A-Za-z0-9._@-]*$' })

/** Rules beyond this are the service's, which says what is wrong. */
export const Password = Type.String({ minLength: 1, maxLength: 1024, writeOnly: true })

export const SessionView = Type.Object(
  {
    state: Type.Union([Type.Literal('unclaimed'), Type.Literal('signedOut'), Type.Literal('signedIn')], {
      description: 'unclaimed: there is no administrator yet; with "csrf", the setup code was accepted',
    }),
    setupComplete: Type.Boolean(),
    csrf: Type.Optional(
      Type.String({ description: 'For the header x-hoist-csrf of every request that changes something' }),
    ),
    account: Type.Optional(Type.Object({ id: Type.String(), name: Type.String(), role: Role }, strict)),
    expiresAt: Type.Optional(Timestamp),
  },
  strict,
)
export type SessionView = Static<typeof SessionView>

/** A name that no account can have is as one that none has. */
export const SignInBody = Type.Object(
  { name: Type.String({ minLength: 1, maxLength: 256 }), password: Password },
  strict,
)
export type SignInBody = Static<typeof SignInBody>

export const PasswordChange = Type.Object({ current: Password, next: Password }, strict)
export type PasswordChange = Static<typeof PasswordChange>

export const PasswordCheckBody = Type.Object(
  { password: Type.String({ maxLength: 1024, writeOnly: true }), name: Type.Optional(Type.String({ maxLength: 256 })) },
  strict,
)
export const PasswordVerdict = Type.Object(
  {
    acceptable: Type.Boolean(),
    score: Type.Union([Type.Literal(0), Type.Literal(1), Type.Literal(2), Type.Literal(3), Type.Literal(4)], {
      description: '0 is guessed at once',
    }),
    problems: Type.Array(
      Type.Object(
        {
          code: Type.Union([
            Type.Literal('TOO_SHORT'),
            Type.Literal('TOO_LONG'),
            Type.Literal('KNOWN'),
            Type.Literal('NAME'),
            Type.Literal('REPEATED'),
            Type.Literal('SEQUENCE'),
            Type.Literal('FEW_CHARACTERS'),
          ]),
          message: Type.String(),
        },
        strict,
      ),
    ),
  },
  strict,
)
export type PasswordVerdict = Static<typeof PasswordVerdict>
