// The setup of a new appliance, as the API takes and shows it.
import { type Static, Type } from 'typebox'
import { strict, Timestamp } from './common.ts'
import { AccountName, Password } from './session.ts'

export const SetupStepId = Type.Union([
  Type.Literal('licence'),
  Type.Literal('password'),
  Type.Literal('network'),
  Type.Literal('uploads'),
  Type.Literal('aws'),
  Type.Literal('vcenter'),
  Type.Literal('checks'),
  Type.Literal('register'),
])
export type SetupStepId = Static<typeof SetupStepId>

export const SetupView = Type.Object(
  {
    steps: Type.Array(
      Type.Object(
        {
          id: SetupStepId,
          state: Type.Union([Type.Literal('notStarted'), Type.Literal('done')]),
          at: Type.Optional(Timestamp),
        },
        strict,
      ),
    ),
    complete: Type.Boolean(),
  },
  strict,
)
export type SetupView = Static<typeof SetupView>

export const SetupStepParams = Type.Object({ id: SetupStepId }, strict)
export const SetupStepBody = Type.Object({ done: Type.Boolean() }, strict)

export const SetupCodeBody = Type.Object(
  {
    code: Type.String({
      minLength: 1,
      maxLength: 64,
      writeOnly: true,
      description: '16 letters, as the console shows them; blanks, dashes and case do not matter',
    }),
  },
  strict,
)

export const AdministratorBody = Type.Object({ name: AccountName, password: Password }, strict)
export type AdministratorBody = Static<typeof AdministratorBody>
