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

const Failure = Type.Object({ code: Type.String(), message: Type.String(), hint: Type.String(), stage: Stage }, strict)

/** What a run makes outside of the appliance: `intended` before the request, `effected` when it is there, `proven` when it is whole. */
const RunStep = Type.Object(
  {
    kind: Type.Union([
      Type.Literal('vmSnapshot'),
      Type.Literal('upload'),
      Type.Literal('import'),
      Type.Literal('image'),
    ]),
    diskKey: Type.Optional(Type.Integer({ description: 'Absent for steps of the whole server' })),
    phase: Type.Union([Type.Literal('intended'), Type.Literal('effected'), Type.Literal('proven')]),
    at: Timestamp,
  },
  strict,
)

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
    uploadId: Type.Optional(Type.String({ description: 'Of the multipart upload under way' })),
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
    trigger: Type.Union([Type.Literal('schedule'), Type.Literal('manual'), Type.Literal('adopted')]),
    createdAt: Timestamp,
    startedAt: Type.Optional(Timestamp),
    endedAt: Type.Optional(Timestamp),
    vmSnapshotMoref: Type.Optional(Type.String()),
    disks: Type.Array(RunDisk),
    steps: Type.Array(RunStep),
    resumptions: Type.Integer({
      description: 'How often it was gone on with after a restart or a failure that passed',
    }),
    setback: Type.Optional(
      Type.Object(
        { failure: Failure, resumeAt: Timestamp },
        { ...strict, description: 'What holds the run up, and when it goes on' },
      ),
    ),
    retries: Type.Record(Type.String(), Type.Integer()),
    imageTaskId: Type.Optional(Type.String()),
    imageStatus: Type.Optional(Type.String()),
    imageId: Type.Optional(Type.String()),
    imageSnapshotIds: Type.Array(Type.String()),
    imageRemovedAt: Type.Optional(Type.String({ description: "Taken away by the job's retention, ISO 8601" })),
    warnings: Type.Array(Finding),
    failure: Type.Optional(Failure),
  },
  { ...strict, $id: 'Run' },
)
export type RunView = Static<typeof RunView>

export const RunPage = Type.Object({ items: Type.Array(RunView), next: Type.Optional(Type.String()) }, strict)
