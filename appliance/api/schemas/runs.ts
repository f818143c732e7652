// Replication runs and their progress, as the API shows them.
import { type Static, Type } from 'typebox'
import { Finding, Id, PageQuery, strict, Timestamp } from './common.ts'

export const RunQuery = Type.Object({ ...PageQuery, jobId: Type.Optional(Id) }, strict)

const Stage = Type.Union([
  Type.Literal('scheduled'),
  Type.Literal('uploading'),
  Type.Literal('converting'),
  Type.Literal('creatingImage'),
])

const RunDisk = Type.Object(
  {
    key: Type.Integer(),
    label: Type.String(),
    sizeBytes: Type.Integer(),
    readBytes: Type.Integer({ description: 'How far reading has come on the disk, holes included' }),
    uploadedBytes: Type.Integer({ description: 'Bytes that S3 has acknowledged' }),
    transferMs: Type.Optional(Type.Integer()),
    bytesPerSecond: Type.Optional(
      Type.Number({ description: 'Of the disk, over the last 10 s; while it is uploading' }),
    ),
    secondsLeft: Type.Optional(Type.Integer()),
    bucket: Type.Optional(Type.String()),
    objectKey: Type.Optional(Type.String()),
    objectDeleted: Type.Boolean(),
    importTaskId: Type.Optional(Type.String()),
    importStatus: Type.Optional(Type.String()),
    snapshotId: Type.Optional(Type.String()),
    manifestPath: Type.Optional(Type.String()),
  },
  strict,
)

export const RunView = Type.Object(
  {
    id: Type.String(),
    jobId: Type.String(),
    serverId: Type.String(),
    serverName: Type.String(),
    state: Type.Union([
      Stage,
      Type.Literal('succeeded'),
      Type.Literal('failed'),
      Type.Literal('cancelled'),
      Type.Literal('missed'),
    ]),
    createdAt: Timestamp,
    startedAt: Type.Optional(Timestamp),
    endedAt: Type.Optional(Timestamp),
    vmSnapshotMoref: Type.Optional(Type.String()),
    disks: Type.Array(RunDisk),
    retries: Type.Record(Type.String(), Type.Integer()),
    imageTaskId: Type.Optional(Type.String()),
    imageStatus: Type.Optional(Type.String()),
    imageId: Type.Optional(Type.String()),
    imageSnapshotIds: Type.Array(Type.String()),
    warnings: Type.Array(Finding),
    failure: Type.Optional(
      Type.Object({ code: Type.String(), message: Type.String(), hint: Type.String(), stage: Stage }, strict),
    ),
  },
  { ...strict, $id: 'Run' },
)
export type RunView = Static<typeof RunView>

export const RunPage = Type.Object({ items: Type.Array(RunView), next: Type.Optional(Type.String()) }, strict)
