// A plausible body for each operation of the OpenAPI document, with a planted secret in every field that takes one.

export interface Schema {
  $ref?: string
  type?: string
  const?: unknown
  anyOf?: Schema[]
  properties?: Record<string, Schema>
  items?: Schema
  minItems?: number
  minimum?: number
  pattern?: string
  minLength?: number
  writeOnly?: boolean
}

export interface Operation {
  requestBody?: { content: Record<string, { schema: Schema }> }
}

export interface OpenApi {
  paths: Record<string, Record<string, Operation>>
}

/** Values by the field's name where a pattern would refuse any other. */
const known: Readonly<Record<string, unknown>> = {
  accountId: '123456789012',
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  assumeRoleArn: 'arn:aws:iam::123456789012:role/x',
  certificatePem: '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n',
  caPem: '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n',
  chainPem: '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n',
  from: 'a@example.com',
  host: '127.0.0.1:1',
  imageId: 'ami-0123456789abcdef0',
  proxyUrl: 'http://127.0.0.1:1',
  region: 'eu-central-1',
  startAt: '2030-01-01T00:00:00Z',
  timeZone: 'UTC',
  to: ['b@example.com'],
  topicArn: 'arn:aws:sns:eu-central-1:123456789012:x',
  url: 'http://127.0.0.1:1',
}

/** Every way to fill a schema, one for each alternative; a field that is only written is filled by `plant(its name)`. */
export function samples(schema: Schema, plant: (field: string) => string, field = ''): unknown[] {
  if (schema.writeOnly) return [plant(field)]
  if ('const' in schema) return [schema.const]
  if (schema.anyOf) return schema.anyOf.flatMap(option => samples(option, plant, field))
  if (Object.hasOwn(known, field)) return [known[field]]
  if (schema.properties) return objects(schema.properties, plant)
  if (schema.type === 'array') return [schema.items ? samples(schema.items, plant, field).slice(0, 1) : []]
  if (schema.type === 'integer' || schema.type === 'number') return [schema.minimum ?? 1]
  if (schema.type === 'boolean') return [true]
  if (schema.type === 'object') return [{}]
  return ['x'.repeat(Math.max(1, schema.minLength ?? 1))]
}

/** As many objects as its widest field has alternatives. */
function objects(properties: Record<string, Schema>, plant: (field: string) => string): unknown[] {
  const fields = Object.entries(properties).map(([name, inner]) => [name, samples(inner, plant, name)] as const)
  const count = Math.max(1, ...fields.map(([, values]) => values.length))
  return Array.from({ length: count }, (_, index) =>
    Object.fromEntries(fields.map(([name, values]) => [name, values[index % values.length]])),
  )
}
