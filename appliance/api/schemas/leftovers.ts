// What carries the connector's mark outside, and what would become of it, as the API shows it.
import { type Static, Type } from 'typebox'
import { strict, Timestamp } from './common.ts'

export const Leftover = Type.Object(
  {
    kind: Type.Union([
      Type.Literal('vmSnapshot'),
      Type.Literal('upload'),
      Type.Literal('object'),
      Type.Literal('importTask'),
      Type.Literal('ebsSnapshot'),
      Type.Literal('image'),
    ]),
    id: Type.String({ description: "vCenter's or AWS's own" }),
    where: Type.String({ description: 'In words: the server, bucket and key, or Region' }),
    runId: Type.Optional(Type.String()),
    jobId: Type.Optional(Type.String()),
    serverName: Type.Optional(Type.String()),
    createdAt: Type.Optional(Timestamp),
    sizeBytes: Type.Optional(Type.Integer()),
    verdict: Type.Union([Type.Literal('inUse'), Type.Literal('remove'), Type.Literal('adopt'), Type.Literal('keep')], {
      description:
        'inUse: belongs to a run, or is an image that the database knows; remove: the next cleaning takes it away; adopt: offered for adoption, never removed; keep: left alone',
    }),
    why: Type.String(),
  },
  strict,
)
export type Leftover = Static<typeof Leftover>

export const LeftoverList = Type.Object({ items: Type.Array(Leftover) }, strict)

export const CleaningBegun = Type.Object({ begun: Type.Literal(true) }, strict)

export const AdoptBody = Type.Object(
  { imageId: Type.String({ maxLength: 32, pattern: '^ami-[0-9a-f]{8,17}$' }) },
  strict,
)
