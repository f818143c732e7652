// Settings of vCenter and AWS, as the API takes and shows them. A stored secret is never shown.
import { type Static, Type } from 'typebox'
import { strict, Timestamp } from './common.ts'

const Host = Type.String({
  minLength: 1,
  maxLength: 512,
  pattern: '^\\s*([Hh][Tt][Tt][Pp][Ss]?://)?([A-Za-z0-9.-]+|\\[[0-9A-Fa-f:.]+\\])(:[0-9]{1,5})?([/?#][^\\s]*)?\\s*$',
  description: 'host or host:port; of an address as a browser shows it, the rest is left out',
})
const Pem = Type.String({ minLength: 1, maxLength: 65536, pattern: '^\\s*-----BEGIN CERTIFICATE-----' })

export const CertificateTrust = Type.Union([
  Type.Object({ kind: Type.Literal('pinned'), certificatePem: Pem }, strict),
  Type.Object({ kind: Type.Literal('ca'), caPem: Pem }, strict),
])

export const CertificateQuery = Type.Object({ host: Host }, strict)
export const CertificateSummary = Type.Object(
  {
    subject: Type.String(),
    issuer: Type.String(),
    validFrom: Type.String(),
    validTo: Type.String(),
    thumbprintSha256: Type.String(),
    thumbprintSha1: Type.String(),
    certificatePem: Type.String(),
  },
  strict,
)

export const VcenterSettingsBody = Type.Object(
  {
    host: Host,
    username: Type.String({ minLength: 1, maxLength: 256 }),
    password: Type.String({ minLength: 1, maxLength: 1024, writeOnly: true }),
    trust: Type.Optional(CertificateTrust),
  },
  { ...strict, description: 'Without "trust" the certificate stays trusted as it is, for the same host only' },
)
export type VcenterSettingsBody = Static<typeof VcenterSettingsBody>

export const VcenterSettingsView = Type.Object(
  {
    host: Type.String(),
    username: Type.String(),
    trust: Type.Union([Type.Literal('pinned'), Type.Literal('ca')]),
    version: Type.Optional(Type.String()),
    instanceUuid: Type.Optional(Type.String()),
    missingPrivileges: Type.Optional(Type.Array(Type.String())),
  },
  strict,
)
export type VcenterSettingsView = Static<typeof VcenterSettingsView>

export const VcenterIdentity = Type.Object(
  {
    host: Type.String(),
    username: Type.String(),
    version: Type.String(),
    instanceUuid: Type.String(),
    missingPrivileges: Type.Array(Type.String()),
    checkedAt: Timestamp,
  },
  strict,
)
export type VcenterIdentity = Static<typeof VcenterIdentity>

export const PrivilegeList = Type.Object(
  { items: Type.Array(Type.Object({ id: Type.String(), purpose: Type.String() }, strict)) },
  strict,
)
export type PrivilegeList = Static<typeof PrivilegeList>

/** ASCII without blanks: what an HTTP header can carry. */
const printable = '^[\\x21-\\x7e]+$'

const isoWithZone =
  '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})$'

const Endpoint = Type.String({ maxLength: 512, pattern: '^https?://' })

export const AwsSettingsBody = Type.Object(
  {
    region: Type.String({ maxLength: 32, pattern: '^[a-z]{2,4}(-[a-z]+)+-[0-9]+$' }),
    accessKeyId: Type.String({ pattern: '^[A-Z0-9]{16,128}$' }),
    secretAccessKey: Type.String({ minLength: 16, maxLength: 256, pattern: printable, writeOnly: true }),
    sessionToken: Type.Optional(Type.String({ minLength: 1, maxLength: 8192, pattern: printable, writeOnly: true })),
    sessionExpiresAt: Type.Optional(
      Type.String({
        maxLength: 40,
        pattern: isoWithZone,
        description: 'ISO 8601 with zone: when the session token ends, so that it can be told of before',
      }),
    ),
    assumeRoleArn: Type.Optional(
      Type.String({ maxLength: 2048, pattern: '^arn:[a-z-]+:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+$' }),
    ),
    assumeRoleExternalId: Type.Optional(
      Type.String({ minLength: 2, maxLength: 1224, pattern: '^[A-Za-z0-9+=,.@:/_-]+$' }),
    ),
    endpoints: Type.Optional(
      Type.Object(
        {
          s3: Type.Optional(Endpoint),
          ec2: Type.Optional(Endpoint),
          sts: Type.Optional(Endpoint),
          iam: Type.Optional(Endpoint),
          sns: Type.Optional(Endpoint),
        },
        strict,
      ),
    ),
    proxyUrl: Type.Optional(
      Type.String({ maxLength: 512, pattern: '^https?://[^@/]+/?$', description: 'Without credentials' }),
    ),
    proxyUsername: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
    proxyPassword: Type.Optional(Type.String({ minLength: 1, maxLength: 1024, writeOnly: true })),
    importRoleName: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9+=,.@_-]{1,64}$', default: 'vmimport' })),
  },
  strict,
)
export type AwsSettingsBody = Static<typeof AwsSettingsBody>

export const AwsSettingsView = Type.Object(
  {
    region: Type.String(),
    accessKeyId: Type.String(),
    sessionExpiresAt: Type.Optional(Type.String()),
    assumeRoleArn: Type.Optional(Type.String()),
    endpoints: Type.Record(Type.String(), Type.String()),
    proxyUrl: Type.Optional(Type.String()),
    proxyUsername: Type.Optional(Type.String()),
    importRoleName: Type.String(),
    accountId: Type.Optional(Type.String()),
    arn: Type.Optional(Type.String()),
  },
  strict,
)
export type AwsSettingsView = Static<typeof AwsSettingsView>

export const SettingsView = Type.Object(
  { vcenter: Type.Optional(VcenterSettingsView), aws: Type.Optional(AwsSettingsView) },
  strict,
)
export type SettingsView = Static<typeof SettingsView>

export const RegistrationView = Type.Object(
  {
    connectorId: Type.String(),
    registered: Type.Boolean(),
    bucket: Type.Optional(Type.String()),
    accountId: Type.Optional(Type.String()),
    vcenterInstanceUuid: Type.Optional(Type.String()),
  },
  strict,
)
