// The server catalog, as the API shows it.
import { type Static, Type } from 'typebox'
import { Finding, PageQuery, strict } from './common.ts'

export const ServerQuery = Type.Object(
  { ...PageQuery, search: Type.Optional(Type.String({ maxLength: 128, description: 'Part of the name or path' })) },
  strict,
)

const ServerDisk = Type.Object(
  {
    key: Type.Integer(),
    label: Type.String(),
    sizeBytes: Type.Integer(),
    backingUuid: Type.Optional(Type.String()),
    fileName: Type.String(),
    datastore: Type.String(),
    thin: Type.Boolean(),
    mode: Type.String(),
    sharing: Type.String(),
    kind: Type.Union([Type.Literal('file'), Type.Literal('rdmPhysical'), Type.Literal('rdmVirtual')]),
    encrypted: Type.Boolean(),
    changeId: Type.Optional(Type.String()),
  },
  strict,
)

const ServerNic = Type.Object(
  {
    key: Type.Integer(),
    label: Type.String(),
    mac: Type.String(),
    network: Type.String(),
    connected: Type.Boolean(),
    addresses: Type.Array(Type.String()),
  },
  strict,
)

export const ServerView = Type.Object(
  {
    id: Type.String(),
    moref: Type.String(),
    name: Type.String(),
    path: Type.String(),
    guestId: Type.String(),
    guestName: Type.String(),
    firmware: Type.Union([Type.Literal('bios'), Type.Literal('efi')]),
    secureBoot: Type.Boolean(),
    vTpm: Type.Boolean(),
    hardwareVersion: Type.Integer(),
    cpus: Type.Integer(),
    memoryMiB: Type.Integer(),
    powerState: Type.Union([Type.Literal('poweredOn'), Type.Literal('poweredOff'), Type.Literal('suspended')]),
    toolsStatus: Type.String(),
    hostMoref: Type.String(),
    hostName: Type.String(),
    isTemplate: Type.Boolean(),
    faultTolerant: Type.Boolean(),
    encrypted: Type.Boolean(),
    changeTrackingSupported: Type.Boolean(),
    changeTrackingEnabled: Type.Boolean(),
    isoPaths: Type.Array(Type.String()),
    disks: Type.Array(ServerDisk),
    nics: Type.Array(ServerNic),
    snapshots: Type.Array(Type.Object({ moref: Type.String(), name: Type.String(), createdAt: Type.String() }, strict)),
    findings: Type.Array(Finding),
  },
  strict,
)
export type ServerView = Static<typeof ServerView>

export const ServerPage = Type.Object(
  {
    items: Type.Array(ServerView),
    next: Type.Optional(Type.String()),
    total: Type.Integer({ description: 'Servers in the whole catalog' }),
  },
  strict,
)

export const CatalogView = Type.Object(
  {
    state: Type.Union([
      Type.Literal('empty'),
      Type.Literal('importing'),
      Type.Literal('ready'),
      Type.Literal('failed'),
    ]),
    servers: Type.Integer(),
    startedAt: Type.Optional(Type.String()),
    endedAt: Type.Optional(Type.String()),
    importedAt: Type.Optional(Type.String({ description: 'End of the last import that did not fail, ISO 8601, UTC' })),
    failure: Type.Optional(Type.Object({ code: Type.String(), message: Type.String(), hint: Type.String() }, strict)),
  },
  strict,
)
