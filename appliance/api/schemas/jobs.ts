// Replication jobs, as the API takes and shows them.
import { type Static, Type } from 'typebox'
import { Id, strict, Timestamp } from './common.ts'
import { BandwidthLimit, TimeZone, Windows } from './policy.ts'

const whenMissed = Type.Union([Type.Literal('skip'), Type.Literal('run')], {
  description:
    'A run whose time passed while the appliance was away: wait for the next (the default), or start at once',
})

const everyHours = Type.Integer({ minimum: 1, maximum: 24, description: 'Absent means once' })
const kmsKeyId = Type.String({ minLength: 1, maxLength: 2048, pattern: '^[A-Za-z0-9:/_-]+$' })

export const Schedule = Type.Object(
  {
    startAt: Type.Optional(
      Type.String({ maxLength: 40, description: 'ISO 8601 with zone, at most 30 days ahead; absent means now' }),
    ),
    everyHours: Type.Optional(everyHours),
    timeZone: Type.Optional(TimeZone),
    whenMissed: Type.Optional(whenMissed),
    windows: Type.Optional(Windows),
  },
  strict,
)

/** No control characters: a run would learn only at its end that AWS refuses them. */
const tagCharacter = '[^\\u0000-\\u001f\\u007f]'
/** No pattern of a record's keys: the OpenAPI document would leave it out. */
const tagName = {
  minLength: 1,
  maxLength: 128,
  pattern: `^${tagCharacter}*$`,
  not: { pattern: '^([aA][wW][sS]|hoist):' },
}
const tagValue = Type.String({ maxLength: 256, pattern: `^${tagCharacter}*$` })
const tagLimits = { maxProperties: 40, description: 'Put on everything besides the hoist:* tags' }

export const JobSettings = Type.Object(
  {
    licence: Type.Optional(Type.Union([Type.Literal('auto'), Type.Literal('aws'), Type.Literal('byol')])),
    imageMethod: Type.Optional(Type.Union([Type.Literal('registered'), Type.Literal('converted')])),
    encrypted: Type.Optional(Type.Boolean()),
    kmsKeyId: Type.Optional(kmsKeyId),
    retention: Type.Optional(Type.Integer({ minimum: 1, maximum: 270 })),
    tags: Type.Optional(
      Type.Unsafe<Record<string, string>>(
        Type.Object({}, { ...tagLimits, propertyNames: tagName, additionalProperties: tagValue }),
      ),
    ),
    bandwidth: Type.Optional(BandwidthLimit),
  },
  strict,
)

export const JobsBody = Type.Object(
  {
    serverIds: Type.Array(Id, { minItems: 1, maxItems: 1000, uniqueItems: true }),
    schedule: Type.Optional(Schedule),
    settings: Type.Optional(JobSettings),
  },
  strict,
)
export type JobsBody = Static<typeof JobsBody>

export const JobPatch = Type.Object(
  {
    state: Type.Optional(Type.Union([Type.Literal('active'), Type.Literal('paused')])),
    schedule: Type.Optional(
      Type.Object(
        {
          ...Schedule.properties,
          everyHours: Type.Optional(
            Type.Union([everyHours, Type.Null()], { description: 'null: the job runs once, and no more' }),
          ),
        },
        strict,
      ),
    ),
    settings: Type.Optional(
      Type.Object(
        {
          ...JobSettings.properties,
          kmsKeyId: Type.Optional(
            Type.Union([kmsKeyId, Type.Null()], { description: "null: the account's default key" }),
          ),
        },
        strict,
      ),
    ),
  },
  { ...strict, minProperties: 1 },
)
export type JobPatch = Static<typeof JobPatch>

export const JobView = Type.Object(
  {
    id: Type.String(),
    serverId: Type.String(),
    serverName: Type.String(),
    schedule: Type.Object(
      {
        startAt: Timestamp,
        everyHours: Type.Optional(Type.Integer()),
        timeZone: Type.Optional(Type.String()),
        whenMissed: Type.Optional(whenMissed),
        windows: Type.Optional(Windows),
      },
      strict,
    ),
    settings: Type.Object(
      {
        licence: Type.Union([Type.Literal('auto'), Type.Literal('aws'), Type.Literal('byol')]),
        imageMethod: Type.Union([Type.Literal('registered'), Type.Literal('converted')]),
        encrypted: Type.Boolean(),
        kmsKeyId: Type.Optional(Type.String()),
        retention: Type.Integer(),
        tags: Type.Record(Type.String(), Type.String()),
        bandwidth: Type.Optional(BandwidthLimit),
      },
      strict,
    ),
    state: Type.Union([Type.Literal('active'), Type.Literal('paused'), Type.Literal('ended')]),
    createdAt: Timestamp,
    nextRunAt: Type.Optional(Timestamp),
    lastPlannedAt: Type.Optional(
      Type.String({ description: 'The planned time that was dealt with last: started, skipped or missed' }),
    ),
    failuresInARow: Type.Integer(),
    countedRunId: Type.Optional(Type.String({ description: 'The run that was counted last' })),
    pausedBecause: Type.Optional(Type.String({ description: 'Why the appliance paused it; absent when a user did' })),
  },
  strict,
)
export const JobList = Type.Object({ items: Type.Array(JobView) }, strict)

/** One server's outcome when many jobs are asked for at once: those that can be made are made. */
export const JobsAnswer = Type.Object(
  {
    created: Type.Array(JobView),
    refused: Type.Array(
      Type.Object(
        { serverId: Type.String(), code: Type.String(), message: Type.String(), hint: Type.String() },
        strict,
      ),
    ),
  },
  strict,
)

export const JobDeletion = Type.Object(
  {
    images: Type.Optional(
      Type.Boolean({ description: 'Remove its images too, but those in use or tagged hoist:keep' }),
    ),
  },
  strict,
)
