// The connections to vCenter and AWS and this connector's identity, as a key/value table of checked JSON documents.
import Type, { type TSchema } from 'typebox'
import Value from 'typebox/value'
import type { AwsSettings, Connector, VcenterSettings } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { type Database, parseDocument } from './database.ts'

export interface SettingsRepository {
  /** Undefined while nothing was set. @throws {ApplianceError} STORE_DAMAGED */
  getVcenter(): Promise<VcenterSettings | undefined>
  setVcenter(settings: VcenterSettings): Promise<void>
  deleteVcenter(): Promise<void>
  getAws(): Promise<AwsSettings | undefined>
  setAws(settings: AwsSettings): Promise<void>
  deleteAws(): Promise<void>
  getConnector(): Promise<Connector | undefined>
  setConnector(connector: Connector): Promise<void>
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
    assumeRoleExternalId: Type.Optional(Type.String()),
    endpoints: Type.Object(
      {
        s3: endpointSchema,
        ec2: endpointSchema,
        sts: endpointSchema,
        iam: endpointSchema,
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
  },
  closed,
)

/** Settings kept in the database. */
export function settingsRepository(database: Database): SettingsRepository {
  const vcenter = setting<VcenterSettings>(database, 'vcenter', vcenterSchema)
  const aws = setting<AwsSettings>(database, 'aws', awsSchema)
  const connector = setting<Connector>(database, 'connector', connectorSchema)
  return {
    getVcenter: vcenter.get,
    setVcenter: vcenter.set,
    deleteVcenter: vcenter.delete,
    getAws: aws.get,
    setAws: aws.set,
    deleteAws: aws.delete,
    getConnector: connector.get,
    setConnector: connector.set,
  }
}

function setting<T>(database: Database, name: string, schema: TSchema) {
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
    async get(): Promise<T | undefined> {
      const row = database.read(sql => sql.get('SELECT document FROM settings WHERE name = ?', name))
      return row && checked(parseDocument(row.document, `${name} settings`))
    },
    async set(value: T): Promise<void> {
      const document = JSON.stringify(checked(value))
      database.write(sql =>
        sql.run(
          'INSERT INTO settings (name, document) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET document = excluded.document',
          name,
          document,
        ),
      )
    },
    async delete(): Promise<void> {
      database.write(sql => sql.run('DELETE FROM settings WHERE name = ?', name))
    },
  }
}
