// What runs have read of disks lately, as the dashboard draws it.
import { type Static, Type } from 'typebox'
import { strict } from './common.ts'

export const ThroughputView = Type.Object(
  {
    now: Type.String({ description: "The appliance's clock: ISO 8601, UTC" }),
    samples: Type.Array(
      Type.Object(
        {
          at: Type.String({ description: 'Its end: ISO 8601, UTC' }),
          seconds: Type.Number({ description: 'How long it is' }),
          bytesPerSecond: Type.Integer({ description: 'On average in that time' }),
        },
        strict,
      ),
      { description: 'Of the last hour, one every 10 seconds, oldest first; none of the time before the last start' },
    ),
  },
  strict,
)
export type ThroughputView = Static<typeof ThroughputView>
