// What runs have read of disks lately, as the dashboard draws it.
import { type Static, Type } from 'typebox'
import { strict, Timestamp } from './common.ts'

export const ThroughputView = Type.Object(
  {
    now: Type.String({ description: "The appliance's clock: ISO 8601, UTC" }),
    samples: Type.Array(
      Type.Object(
        { at: Timestamp, bytesPerSecond: Type.Integer({ description: 'On average since the sample before' }) },
        strict,
      ),
      { description: 'Of the last hour, one every 10 seconds, oldest first; none of the time before the last start' },
    ),
  },
  strict,
)
export type ThroughputView = Static<typeof ThroughputView>
