// What the wizard shows of AWS.
import { type Static, Type } from 'typebox'
import { strict } from './common.ts'

export const RegionList = Type.Object(
  {
    regions: Type.Array(Type.Object({ id: Type.String(), name: Type.String(), partition: Type.String() }, strict)),
  },
  strict,
)

export const AwsIdentityView = Type.Object(
  {
    accountId: Type.String(),
    arn: Type.String(),
    missingActions: Type.Array(Type.String(), { description: 'IAM actions that the policy lacks' }),
    uncheckedActions: Type.Array(Type.String(), {
      description: 'Those that could not be tried without changing something',
    }),
    checkedBy: Type.Union([Type.Literal('simulation'), Type.Literal('dryRun')]),
  },
  strict,
)
export type AwsIdentityView = Static<typeof AwsIdentityView>

export const PolicyQuery = Type.Object(
  {
    format: Type.Optional(
      Type.Union([Type.Literal('json'), Type.Literal('cloudformation')], { description: 'As a file to download' }),
    ),
    accountId: Type.Optional(Type.String({ pattern: '^[0-9]{12}$' })),
    region: Type.Optional(Type.String({ maxLength: 32, pattern: '^[a-z]{2,4}(-[a-z]+)+-[0-9]+$' })),
  },
  strict,
)
export type PolicyQuery = Static<typeof PolicyQuery>

/** Documents of IAM or CloudFormation, whose forms are AWS's. */
export const Policies = Type.Object(
  {},
  { additionalProperties: true, description: 'Documents of IAM or CloudFormation' },
)

export const BucketView = Type.Object(
  { bucket: Type.String(), created: Type.Boolean({ description: 'False: it stood, and was checked' }) },
  strict,
)
export type BucketView = Static<typeof BucketView>
