// The machine's network and time, and the proxy on the way to AWS, as the API takes and shows them.
import { type Static, Type } from 'typebox'
import { strict, Timestamp } from './common.ts'

const Names = Type.Array(Type.String())

export const ProxyBody = Type.Object(
  {
    url: Type.Optional(
      Type.String({
        maxLength: 512,
        pattern: '^https?://[^@/]+/?$',
        description: 'Without credentials. Absent: AWS is reached without a proxy',
      }),
    ),
    username: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
    password: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1024,
        writeOnly: true,
        description: 'Absent: the stored one, while URL and user name stay the same',
      }),
    ),
  },
  strict,
)
export type ProxyBody = Static<typeof ProxyBody>

export const ProxyView = Type.Object(
  { url: Type.String(), username: Type.Optional(Type.String()), hasPassword: Type.Boolean() },
  strict,
)

export const ProxyAnswer = Type.Object({ proxy: Type.Optional(ProxyView) }, strict)
export type ProxyAnswer = Static<typeof ProxyAnswer>

export const SystemView = Type.Object(
  {
    hostname: Type.String(),
    version: Type.String(),
    startedAt: Timestamp,
    interfaces: Type.Array(
      Type.Object({ name: Type.String(), mac: Type.Optional(Type.String()), addresses: Names }, strict),
    ),
    gateway: Type.Optional(Type.String()),
    dns: Names,
    ntp: Type.Object(
      {
        servers: Names,
        synchronized: Type.Optional(Type.Boolean({ description: 'Absent: nothing here can tell' })),
        offsetMs: Type.Optional(Type.Number()),
        source: Type.Optional(Type.String()),
      },
      strict,
    ),
    proxy: Type.Optional(ProxyView),
    clock: Type.Object(
      {
        now: Timestamp,
        awsSkewMs: Type.Optional(Type.Number({ description: "Ahead of AWS's clock, as it was measured last" })),
      },
      strict,
    ),
  },
  strict,
)
export type SystemView = Static<typeof SystemView>
