// The connector and its lease, as the API shows them, and what an administrator decides.
import { type Static, Type } from 'typebox'
import { strict, Timestamp } from './common.ts'

export const ConnectorView = Type.Object(
  {
    id: Type.String(),
    state: Type.Union([
      Type.Literal('active'),
      Type.Literal('readOnly'),
      Type.Literal('unknown'),
      Type.Literal('unregistered'),
    ]),
    readOnlyReason: Type.Optional(
      Type.Union(
        [Type.Literal('cloned'), Type.Literal('restored'), Type.Literal('leaseGone'), Type.Literal('fenced')],
        {
          description:
            'cloned: another machine holds the lease; restored: the database is not the one that wrote the lease last; leaseGone: the lease was removed from the bucket; fenced: another machine took the lease over',
        },
      ),
    ),
    lease: Type.Optional(
      Type.Object(
        {
          machineId: Type.String(),
          epoch: Type.Integer({ description: 'Grows with every machine that takes the lease' }),
          mark: Type.Integer({ description: 'Grows with what the connector does: a database behind it is an old one' }),
          renewedAt: Timestamp,
        },
        { ...strict, description: 'As it stands in the bucket' },
      ),
    ),
    thisMachineId: Type.String(),
  },
  strict,
)
export type ConnectorView = Static<typeof ConnectorView>

export const ConnectorDecision = Type.Object(
  {
    decision: Type.Union([Type.Literal('takeOver'), Type.Literal('newIdentity')], {
      description:
        'takeOver: this machine is the connector from now on, and any other is fenced; newIdentity: this machine becomes another connector, and leaves what the first has made alone',
    }),
  },
  strict,
)
export type ConnectorDecision = Static<typeof ConnectorDecision>['decision']

export const ConnectorList = Type.Object(
  {
    items: Type.Array(
      Type.Object(
        {
          id: Type.String(),
          isThis: Type.Boolean({ description: 'It is the identity of the appliance that answers' }),
          aws: Type.Optional(
            Type.Object(
              { images: Type.Integer(), snapshots: Type.Integer(), newestAt: Type.Optional(Timestamp) },
              { ...strict, description: 'What carries its tag in this account and Region; absent while AWS is away' },
            ),
          ),
          vcenter: Type.Optional(
            Type.Object(
              { version: Type.String(), lastSeenAt: Type.Optional(Timestamp) },
              { ...strict, description: 'Its extension in this vCenter; absent if there is none, or vCenter is away' },
            ),
          ),
        },
        strict,
      ),
      { description: 'The appliance that answers comes first' },
    ),
    problems: Type.Array(
      Type.Object(
        {
          side: Type.Union([Type.Literal('aws'), Type.Literal('vcenter')]),
          code: Type.String(),
          message: Type.String(),
          hint: Type.String(),
        },
        strict,
      ),
      { description: 'Sides that could not be asked; what the other says is in `items` all the same' },
    ),
    region: Type.Optional(Type.String()),
  },
  strict,
)
export type ConnectorList = Static<typeof ConnectorList>
