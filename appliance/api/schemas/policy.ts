// Windows, bandwidth and the policy that holds for all jobs, as the API takes and shows them.
import { Type } from 'typebox'
import { strict } from './common.ts'

/** Nobody keeps a longer timetable by hand; each is searched at every look at the clock. */
const windowsLimit = 100

const hourAndMinute = '([01][0-9]|2[0-3]):[0-5][0-9]'

/** By form; whether the zone exists is asked where the schedule is kept. */
export const TimeZone = Type.String({
  maxLength: 64,
  pattern: '^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$',
  description: 'IANA time zone, such as Europe/Berlin or UTC',
})

const Weekday = Type.Union([
  Type.Literal('mon'),
  Type.Literal('tue'),
  Type.Literal('wed'),
  Type.Literal('thu'),
  Type.Literal('fri'),
  Type.Literal('sat'),
  Type.Literal('sun'),
])

export const WeeklyWindow = Type.Object(
  {
    days: Type.Array(Weekday, { minItems: 1, maxItems: 7, uniqueItems: true }),
    from: Type.String({ maxLength: 5, pattern: `^${hourAndMinute}$`, description: 'HH:MM' }),
    to: Type.String({
      maxLength: 5,
      pattern: `^(${hourAndMinute}|24:00)$`,
      description: 'HH:MM, excluded; not after `from` means on the next day',
    }),
  },
  strict,
)

export const Windows = Type.Array(WeeklyWindow, { maxItems: windowsLimit })

/** Below 64 KiB/s a single part of an upload would take longer than its time-out. */
const BytesPerSecond = Type.Integer({ minimum: 65_536, maximum: 1_000_000_000_000 })

export const BandwidthLimit = Type.Object(
  {
    bytesPerSecond: Type.Optional(BytesPerSecond),
    timetable: Type.Array(
      Type.Object(
        {
          window: WeeklyWindow,
          bytesPerSecond: Type.Union([BytesPerSecond, Type.Null()], { description: 'null: no limit in this window' }),
        },
        strict,
      ),
      { maxItems: windowsLimit, description: 'The first window that holds the present time decides' },
    ),
  },
  { ...strict, description: 'Outside of the timetable `bytesPerSecond` holds; absent means no limit' },
)

export const Policy = Type.Object(
  {
    timeZone: TimeZone,
    bandwidth: BandwidthLimit,
    blackouts: Type.Array(Type.Object({ window: WeeklyWindow, holdTransfers: Type.Boolean() }, strict), {
      maxItems: windowsLimit,
      description: 'No run starts in these; with holdTransfers those that go on wait too',
    }),
    datastoreFloor: Type.Object(
      { percent: Type.Integer({ minimum: 0, maximum: 90 }), bytes: Type.Integer({ minimum: 0, maximum: 2 ** 50 }) },
      { ...strict, description: 'A run is ended when a datastore has less free than the larger of both' },
    ),
    pauseAfterFailures: Type.Integer({ minimum: 0, maximum: 1000, description: '0 never pauses' }),
    snapshotAgeHours: Type.Integer({ minimum: 1, maximum: 8760 }),
  },
  { ...strict, $id: 'Policy' },
)
