// The query protocols' wire: form bodies decoded by the SDK's own operation schemas (ec2Query, awsQuery), answers as XML.
import { randomUUID } from 'node:crypto'
import { NormalizedSchema } from '@smithy/core/schema'
import { AwsError } from './aws-error.ts'

export type QueryDialect = 'ec2' | 'query'

type SchemaRef = Parameters<typeof NormalizedSchema.of>[0]
type StaticOperation = readonly [
  number,
  string,
  string,
  unknown,
  SchemaRef | (() => SchemaRef),
  SchemaRef | (() => SchemaRef),
]

/** The input and output shapes of an operation, as a client package exports them (`ImportSnapshot$`). */
export function operationSchema(clientModule: object, operation: string) {
  const schema = (clientModule as Record<string, unknown>)[`${operation}$`]
  if (!Array.isArray(schema) || schema[0] !== 9) return undefined
  const [, , , , input, output] = schema as unknown as StaticOperation
  return { input: NormalizedSchema.of(unwrap(input)), output: NormalizedSchema.of(unwrap(output)) }
}

function unwrap(ref: SchemaRef | (() => SchemaRef)): SchemaRef {
  return typeof ref === 'function' ? (ref as () => SchemaRef)() : ref
}

/** A form body as a tree by its dotted keys: `Tag.1.Key=a` is {Tag: {1: {Key: 'a'}}}. */
type FormNode = Map<string, FormNode> | string

export function parseForm(body: string): Map<string, FormNode> {
  const root = new Map<string, FormNode>()
  for (const [key, value] of new URLSearchParams(body)) {
    const path = key.split('.')
    const last = path.pop() as string
    let node = root
    for (const part of path) {
      const next = node.get(part)
      if (next === undefined || typeof next === 'string') {
        const made = new Map<string, FormNode>()
        node.set(part, made)
        node = made
      } else node = next
    }
    node.set(last, value)
  }
  return root
}

/**
 * Decodes a request. Parameters that the shape does not know are refused as AWS does (`UnknownParameter`).
 * Source: Smithy's "AWS query protocol" and "AWS EC2 query protocol".
 */
export function decodeInput(dialect: QueryDialect, shape: NormalizedSchema, form: Map<string, FormNode>) {
  const rest = new Map(form)
  for (const name of ['Action', 'Version', 'AWSAccessKeyId']) rest.delete(name)
  return decodeStruct(dialect, shape, rest, '')
}

function decodeStruct(dialect: QueryDialect, shape: NormalizedSchema, node: Map<string, FormNode>, path: string) {
  const value: Record<string, unknown> = {}
  const seen = new Set<string>()
  for (const [name, member] of shape.structIterator()) {
    const traits = member.getMergedTraits() as { xmlName?: string; ec2QueryName?: string }
    const wire = memberKey(dialect, name, traits)
    seen.add(wire)
    const child = node.get(wire)
    if (child !== undefined) value[name] = decodeValue(dialect, member, child, `${path}${wire}`)
  }
  for (const key of node.keys()) {
    if (!seen.has(key)) throw new AwsError('UnknownParameter', `The parameter ${path}${key} is not recognized`)
  }
  return value
}

function memberKey(dialect: QueryDialect, name: string, traits: { xmlName?: string; ec2QueryName?: string }): string {
  if (dialect === 'query') return traits.xmlName ?? name
  if (traits.ec2QueryName !== undefined) return traits.ec2QueryName
  const key = traits.xmlName ?? name
  return key[0]?.toUpperCase() + key.slice(1)
}

function decodeValue(dialect: QueryDialect, shape: NormalizedSchema, node: FormNode, path: string): unknown {
  if (shape.isStructSchema() || shape.isListSchema()) {
    if (typeof node === 'string') {
      if (node === '' && shape.isListSchema()) return []
      throw new AwsError('InvalidParameterValue', `Value (${node}) for parameter ${path} is invalid`)
    }
    return shape.isStructSchema()
      ? decodeStruct(dialect, shape, node, `${path}.`)
      : decodeList(dialect, shape, node, path)
  }
  if (typeof node !== 'string') throw new AwsError('InvalidParameterValue', `Parameter ${path} is not a structure`)
  return decodeScalar(shape, node, path)
}

function decodeList(dialect: QueryDialect, shape: NormalizedSchema, node: Map<string, FormNode>, path: string) {
  const flat = dialect === 'ec2' || (shape.getMergedTraits() as { xmlFlattened?: unknown }).xmlFlattened !== undefined
  let items: FormNode | undefined = node
  if (!flat) {
    const traits = shape.getValueSchema().getMergedTraits() as { xmlName?: string }
    items = node.get(traits.xmlName ?? 'member')
  }
  if (items === undefined || typeof items === 'string')
    throw new AwsError('MalformedInput', `List ${path} is malformed`)
  return [...items.entries()]
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([index, item]) => {
      if (!/^[1-9]\d*$/.test(index))
        throw new AwsError('UnknownParameter', `The parameter ${path}.${index} is not recognized`)
      return decodeValue(dialect, shape.getValueSchema(), item, `${path}.${index}`)
    })
}

function decodeScalar(shape: NormalizedSchema, text: string, path: string): unknown {
  if (shape.isBooleanSchema()) {
    if (text === 'true') return true
    if (text === 'false') return false
    throw new AwsError('InvalidParameterValue', `Invalid value '${text}' for ${path}: it must be a boolean`)
  }
  if (shape.isNumericSchema()) {
    const number = Number(text)
    if (text === '' || Number.isNaN(number)) {
      throw new AwsError(
        'InvalidParameterValue',
        `Value (${text}) for parameter ${path} is invalid. The value must be a number.`,
      )
    }
    return number
  }
  if (shape.isTimestampSchema()) return new Date(text)
  if (shape.isBlobSchema()) return Buffer.from(text, 'base64')
  return text
}

/** The XML of a success. */
export function encodeOutput(
  dialect: QueryDialect,
  operation: string,
  namespace: string,
  shape: NormalizedSchema,
  output: object,
  requestId: string,
): string {
  const members = shape.isStructSchema() ? encodeMembers(shape, output as Record<string, unknown>) : ''
  const head = `<?xml version="1.0" encoding="UTF-8"?>\n<${operation}Response xmlns="${namespace}">`
  if (dialect === 'ec2') {
    // Operations without an output shape answer <return>true</return>.
    const content = members === '' && !hasMembers(shape) ? '<return>true</return>' : members
    return `${head}<requestId>${requestId}</requestId>${content}</${operation}Response>`
  }
  return `${head}<${operation}Result>${members}</${operation}Result><ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${operation}Response>`
}

function hasMembers(shape: NormalizedSchema): boolean {
  if (!shape.isStructSchema()) return false
  for (const _ of shape.structIterator()) return true
  return false
}

function encodeMembers(shape: NormalizedSchema, value: Record<string, unknown>): string {
  let xml = ''
  for (const [name, member] of shape.structIterator()) {
    const item = value[name]
    if (item === undefined || item === null) continue
    const tag = (member.getMergedTraits() as { xmlName?: string }).xmlName ?? name
    if (member.isListSchema()) {
      const inner = member.getValueSchema()
      const itemTag = (inner.getMergedTraits() as { xmlName?: string }).xmlName ?? 'member'
      // EC2's response lists are always <item>, whatever name their request form has.
      xml += element(tag, (item as unknown[]).map(one => element(itemTag, encodeValue(inner, one))).join(''))
    } else xml += element(tag, encodeValue(member, item))
  }
  return xml
}

function encodeValue(shape: NormalizedSchema, value: unknown): string {
  if (shape.isStructSchema()) return encodeMembers(shape, value as Record<string, unknown>)
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  return escapeXml(String(value))
}

function element(tag: string, content: string): string {
  return content === '' ? `<${tag}/>` : `<${tag}>${content}</${tag}>`
}

/** The XML of an error, as EC2 and as the query protocol wrap it. */
export function encodeError(dialect: QueryDialect, error: AwsError, requestId: string = randomUUID()): string {
  const body = `<Code>${escapeXml(error.code)}</Code><Message>${escapeXml(error.message)}</Message>`
  const head = '<?xml version="1.0" encoding="UTF-8"?>\n'
  return dialect === 'ec2'
    ? `${head}<Response><Errors><Error>${body}</Error></Errors><RequestID>${requestId}</RequestID></Response>`
    : `${head}<ErrorResponse><Error><Type>${error.statusCode >= 500 ? 'Receiver' : 'Sender'}</Type>${body}</Error><RequestId>${requestId}</RequestId></ErrorResponse>`
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
}
