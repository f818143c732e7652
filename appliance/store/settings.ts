// The connections to vCenter and AWS, the policy and this connector's identity, as a key/value table of checked JSON documents.
import Type, { type TSchema } from 'typebox'
import Value from 'typebox/value'
import {
  type AwsSettings,
  type Connector,
  type Policy,
  type VcenterSettings,
  type WeeklyWindow,
  weekdays,
} from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { type Database, parseDocument, type Statements } from './database.ts'

export interface SettingsRepository {
  /** Undefined while nothing was set. @throws {ApplianceError} STORE_DAMAGED */
  getVcenter(): Promise<VcenterSettings | undefined>
  setVcenter(settings: VcenterSettings): Promise<void>
  getAws(): Promise<AwsSettings | undefined>
  setAws(settings: AwsSettings): Promise<void>
  getConnector(): Promise<Connector | undefined>
  /** A connector's mark never falls: who read it, and writes it after others have advanced the mark, keeps theirs. */
  setConnector(connector: Connector): Promise<void>
  /** The mark, one higher, on disk when the promise resolves. @throws {ApplianceError} NOT_CONFIGURED before there is a connector */
  advanceMark(): Promise<number>
  /** Undefined while nobody has set one. */
  getPolicy(): Promise<Policy | undefined>
  setPolicy(policy: Policy): Promise<void>
  /** The proxy that was entered, also before AWS was; its password is the secret `aws.proxyPassword`. */
  getProxy(): Promise<ProxySettings | undefined>
  setProxy(proxy: ProxySettings | undefined): Promise<void>
  getLogUpload(): Promise<LogUpload | undefined>
  setLogUpload(logUpload: LogUpload): Promise<void>
  /** Undefined while nobody has decided. */
  getAutoUpgrade(): Promise<AutoUpgradeSettings | undefined>
  setAutoUpgrade(settings: AutoUpgradeSettings): Promise<void>
}

export interface ProxySettings {
  url: string
  username?: string
}

/** Whether log bundles go to the connector's bucket, and how the last one fared. */
export interface LogUpload {
  enabled: boolean
  lastAt?: string
  lastKey?: string
}

/** Whether newer releases are looked for and installed by themselves. */
export interface AutoUpgradeSettings {
  enabled: boolean
  /** Below `releases/` of the connector's bucket, or a bundle that always is the newest. */
  source: { kind: 'bucket' } | { kind: 'url'; url: string }
  /** By the clock of the policy's time zone; none: at any time. */
  windows: WeeklyWindow[]
  lastLookAt?: string
}

const closed = { additionalProperties: false }

const vcenterSchema = Type.Object(
  {
    host: Type.String({ minLength: 1 }),
    username: Type.String({ minLength: 1 }),
    trust: Type.Union([
      Type.Object({ kind: Type.Literal('pinned'), certificatePem: Type.String() }, closed),
      Type.Object({ kind: Type.Literal('ca'), caPem: Type.String() }, closed),
    ]),
  },
  closed,
)

const endpointSchema = Type.Optional(Type.String())
const awsSchema = Type.Object(
  {
    region: Type.String({ minLength: 1 }),
    accessKeyId: Type.String({ minLength: 1 }),
    assumeRoleArn: Type.Optional(Type.String()),
    sessionExpiresAt: Type.Optional(Type.String()),
    assumeRoleExternalId: Type.Optional(Type.String()),
    endpoints: Type.Object(
      {
        s3: endpointSchema,
        ec2: endpointSchema,
        sts: endpointSchema,
        iam: endpointSchema,
        sns: endpointSchema,
      },
      closed,
    ),
    proxyUrl: Type.Optional(Type.String()),
    proxyUsername: Type.Optional(Type.String()),
    importRoleName: Type.String({ minLength: 1 }),
  },
  closed,
)

const connectorSchema = Type.Object(
  {
    id: Type.String({ minLength: 1 }),
    bucket: Type.Optional(Type.String()),
    bucketRegion: Type.Optional(Type.String()),
    awsAccountId: Type.Optional(Type.String()),
    vcenterInstanceUuid: Type.Optional(Type.String()),
    mark: Type.Integer({ minimum: 0 }),
    leaseNonces: Type.Optional(Type.Array(Type.String())),
    generation: Type.String(),
  },
  closed,
)

const windowSchema = Type.Object(
  { days: Type.Array(Type.Union(weekdays.map(day => Type.Literal(day)))), from: Type.String(), to: Type.String() },
  closed,
)
const rateSchema = Type.Number({ minimum: 0 })
const policySchema = Type.Object(
  {
    timeZone: Type.String({ minLength: 1 }),
    bandwidth: Type.Object(
      {
        bytesPerSecond: Type.Optional(rateSchema),
        timetable: Type.Array(
          Type.Object({ window: windowSchema, bytesPerSecond: Type.Union([rateSchema, Type.Null()]) }, closed),
        ),
      },
      closed,
    ),
    blackouts: Type.Array(Type.Object({ window: windowSchema, holdTransfers: Type.Boolean() }, closed)),
    datastoreFloor: Type.Object(
      { percent: Type.Number({ minimum: 0, maximum: 100 }), bytes: Type.Integer({ minimum: 0 }) },
      closed,
    ),
    pauseAfterFailures: Type.Integer({ minimum: 0 }),
    snapshotAgeHours: Type.Number({ minimum: 0 }),
  },
  closed,
)

const proxySchema = Type.Object({ url: Type.String(), username: Type.Optional(Type.String()) }, closed)
const logUploadSchema = Type.Object(
  { enabled: Type.Boolean(), lastAt: Type.Optional(Type.String()), lastKey: Type.Optional(Type.String()) },
  closed,
)
const autoUpgradeSchema = Type.Object(
  {
    enabled: Type.Boolean(),
    source: Type.Union([
      Type.Object({ kind: Type.Literal('bucket') }, closed),
      Type.Object({ kind: Type.Literal('url'), url: Type.String() }, closed),
    ]),
    windows: Type.Array(windowSchema),
    lastLookAt: Type.Optional(Type.String()),
  },
  closed,
)

/** Settings kept in the database. */
export function settingsRepository(database: Database): SettingsRepository {
  const vcenter = setting<VcenterSettings>('vcenter', vcenterSchema)
  const aws = setting<AwsSettings>('aws', awsSchema)
  const connector = setting<Connector>('connector', connectorSchema)
  const policy = setting<Policy>('policy', policySchema)
  const proxy = setting<ProxySettings>('proxy', proxySchema)
  const logUpload = setting<LogUpload>('logUpload', logUploadSchema)
  const autoUpgrade = setting<AutoUpgradeSettings>('autoUpgrade', autoUpgradeSchema)
  return {
    getVcenter: async () => database.read(vcenter.find),
    setVcenter: async settings => database.write(sql => vcenter.put(sql, settings)),
    getAws: async () => database.read(aws.find),
    setAws: async settings => database.write(sql => aws.put(sql, settings)),
    getPolicy: async () => database.read(policy.find),
    setPolicy: async settings => database.write(sql => policy.put(sql, settings)),
    getProxy: async () => database.read(proxy.find),
    setProxy: async given => database.write(sql => (given ? proxy.put(sql, given) : proxy.remove(sql))),
    getLogUpload: async () => database.read(logUpload.find),
    setLogUpload: async given => database.write(sql => logUpload.put(sql, given)),
    getAutoUpgrade: async () => database.read(autoUpgrade.find),
    setAutoUpgrade: async given => database.write(sql => autoUpgrade.put(sql, given)),
    getConnector: async () => database.read(connector.find),

    async setConnector(given) {
      database.write(sql => {
        const stored = connector.find(sql)
        const mark = stored?.id === given.id ? Math.max(stored.mark, given.mark) : given.mark
        connector.put(sql, { ...given, mark })
      })
    },

    async advanceMark() {
      return database.write(sql => {
        const stored = connector.find(sql)
        if (!stored)
          throw new ApplianceError('NOT_CONFIGURED', 'This appliance has no connector yet.', {
            hint: 'Register the connector first.',
          })
        const mark = stored.mark + 1
        connector.put(sql, { ...stored, mark })
        return mark
      })
    },
  }
}

function setting<T>(name: string, schema: TSchema) {
  /** Checked both ways: what is written by mistake would otherwise surface much later, as a setting that cannot be read. */
  const checked = (value: unknown): T => {
    if (Value.Check(schema, value)) return value as T
    const [first] = Value.Errors(schema, value)
    const where = first ? ` at "${first.instancePath}" (${first.message})` : ''
    throw new ApplianceError(
      'STORE_DAMAGED',
      `The ${name} settings do not have the form that this version knows${where}.`,
      {
        hint: `Enter the ${name} settings again.`,
      },
    )
  }
  return {
    find(sql: Statements): T | undefined {
      const row = sql.get('SELECT document FROM settings WHERE name = ?', name)
      return row && checked(parseDocument(row.document, `${name} settings`))
    },
    put(sql: Statements, value: T): void {
      sql.run(
        'INSERT INTO settings (name, document) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET document = excluded.document',
        name,
        JSON.stringify(checked(value)),
      )
    },
    remove(sql: Statements): void {
      sql.run('DELETE FROM settings WHERE name = ?', name)
    },
  }
}
