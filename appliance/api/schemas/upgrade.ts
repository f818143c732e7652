// Upgrades as the API takes and shows them.
import { type Static, Type } from 'typebox'
import { strict, Timestamp } from './common.ts'
import { TimeZone, Windows } from './policy.ts'

const Version = Type.String({
  maxLength: 20,
  pattern: '^(0|[1-9][0-9]{0,5})\\.(0|[1-9][0-9]{0,5})\\.(0|[1-9][0-9]{0,5})$',
})
const SizeBytes = Type.Integer({ minimum: 0 })
const Origin = Type.Union([Type.Literal('upload'), Type.Literal('url'), Type.Literal('bucket')])

/** Blanks and controls would be dropped or encoded silently; user names are refused by the service, with a hint. */
const Url = Type.String({ maxLength: 2048, pattern: '^https://[\\x21-\\x7e]+$', description: 'https://host/path' })
const Key = Type.String({ maxLength: 1024, pattern: '^releases/[\\x20-\\x7e]+\\.tar$' })

const Source = Type.Union([
  Type.Object({ kind: Type.Literal('bucket') }, { ...strict, description: 'releases/hoist-VERSION.tar in the bucket' }),
  Type.Object({ kind: Type.Literal('url'), url: Url }, { ...strict, description: 'What always is the newest bundle' }),
])
const auto = { enabled: Type.Boolean(), source: Source, windows: Windows }

export const AutoUpgradeBody = Type.Object(auto, strict)
export type AutoUpgradeBody = Static<typeof AutoUpgradeBody>

export const UpgradeView = Type.Object(
  {
    running: Type.String({ description: 'Version of the release that runs' }),
    canUpgrade: Type.Boolean({
      description: 'False where no helper may change the machine: not on the appliance image',
    }),
    phase: Type.Union(
      [
        Type.Literal('settled'),
        Type.Literal('handing'),
        Type.Literal('preparing'),
        Type.Literal('trying'),
        Type.Literal('rolling-back'),
      ],
      { description: 'settled: no upgrade is under way; trying: the new release runs, and is on trial' },
    ),
    to: Type.Optional(Type.String({ description: 'The release that is being installed' })),
    last: Type.Optional(
      Type.Object(
        {
          from: Type.String(),
          to: Type.String(),
          result: Type.Union([Type.Literal('upgraded'), Type.Literal('refused'), Type.Literal('rolled-back')]),
          reason: Type.Optional(Type.String()),
          at: Timestamp,
        },
        { ...strict, description: 'How the latest upgrade ended' },
      ),
    ),
    receiving: Type.Optional(
      Type.Object(
        {
          from: Origin,
          receivedBytes: SizeBytes,
          totalBytes: Type.Optional(SizeBytes),
          version: Type.Optional(Type.String({ description: 'As soon as its signed manifest has come' })),
        },
        { ...strict, description: 'A bundle on its way in' },
      ),
    ),
    refused: Type.Optional(
      Type.Object(
        {
          from: Type.Union([...Origin.anyOf, Type.Literal('install')]),
          code: Type.String(),
          message: Type.String(),
          hint: Type.String(),
          at: Timestamp,
        },
        { ...strict, description: 'Why the latest bundle was not taken' },
      ),
    ),
    offered: Type.Optional(
      Type.Object(
        { version: Type.String(), releasedAt: Timestamp, sizeBytes: SizeBytes, receivedAt: Timestamp },
        { ...strict, description: 'Received, verified, ready to be installed' },
      ),
    ),
    runsUnderWay: Type.Integer({ minimum: 0, description: 'They go on after the restart' }),
    auto: Type.Object(
      {
        ...auto,
        timeZone: TimeZone,
        lastLookAt: Type.Optional(Timestamp),
        next: Type.Union([
          Type.Object(
            {
              do: Type.Literal('nothing'),
              why: Type.Union([
                Type.Literal('off'),
                Type.Literal('nothingNewer'),
                Type.Literal('tried'),
                Type.Literal('neverOpen'),
              ]),
            },
            strict,
          ),
          Type.Object({ do: Type.Literal('upgrade'), to: Type.String(), at: Timestamp }, strict),
        ]),
      },
      strict,
    ),
  },
  strict,
)
export type UpgradeView = Static<typeof UpgradeView>

export const FetchBody = Type.Union([
  Type.Object({ from: Type.Literal('url'), url: Url }, strict),
  Type.Object({ from: Type.Literal('bucket'), key: Key }, strict),
])
export type FetchBody = Static<typeof FetchBody>

export const InstallBody = Type.Object({ version: Version }, strict)

export const ReleaseList = Type.Object(
  {
    items: Type.Array(
      Type.Object(
        {
          key: Type.String(),
          version: Type.Optional(Type.String({ description: 'As its name says: nothing is verified yet' })),
          sizeBytes: SizeBytes,
          modifiedAt: Type.Optional(Timestamp),
        },
        strict,
      ),
      { description: 'Newest version first' },
    ),
  },
  strict,
)
export type ReleaseList = Static<typeof ReleaseList>
