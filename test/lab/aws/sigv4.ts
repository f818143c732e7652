// Signature Version 4, the server's side. Source: AWS General Reference, "Create a signed AWS API request".
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

export type SignedRequest = {
  method: string
  /** The path as it was sent, still encoded. */
  rawPath: string
  rawQuery: string
  headers: Record<string, string>
  body: Buffer
}

export type Credential = {
  accessKeyId: string
  date: string
  region: string
  service: string
  signedHeaders: string[]
  signature: string
}

/** 15 minutes, either way. */
export const maxSkewMs = 15 * 60_000

/** The parts of an Authorization header, or undefined if there is none that SigV4 could have made. */
export function parseAuthorization(header: string | undefined): Credential | undefined {
  const match = /^AWS4-HMAC-SHA256\s+(.*)$/.exec(header ?? '')
  if (match === null) return undefined
  const fields = new Map(
    (match[1] ?? '').split(',').map(field => {
      const at = field.indexOf('=')
      return [field.slice(0, at).trim(), field.slice(at + 1).trim()] as const
    }),
  )
  const scope = (fields.get('Credential') ?? '').split('/')
  const [accessKeyId, date, region, service, end] = scope
  const signature = fields.get('Signature')
  const signedHeaders = fields.get('SignedHeaders')
  if (!accessKeyId || !date || !region || !service || end !== 'aws4_request' || !signature || !signedHeaders)
    return undefined
  return { accessKeyId, date, region, service, signature, signedHeaders: signedHeaders.split(';') }
}

/** The request's own time in ms, from X-Amz-Date or Date; NaN if neither can be read. */
export function requestTime(headers: Record<string, string>): number {
  const stamp = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(headers['x-amz-date'] ?? '')
  if (stamp === null) return Date.parse(headers.date ?? '')
  const [, year, month, day, hour, minute, second] = stamp.map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  return Date.UTC(year, month - 1, day, hour, minute, second)
}

/** Whether the request was signed with this secret, over exactly this content. */
export function verifySignature(request: SignedRequest, credential: Credential, secretAccessKey: string): boolean {
  for (const needed of ['host', 'x-amz-date', 'x-amz-security-token']) {
    if (request.headers[needed] !== undefined && !credential.signedHeaders.includes(needed)) return false
  }
  const payloadHash = request.headers['x-amz-content-sha256'] ?? sha256(request.body)
  // EBS direct leaves block data unsigned (API reference of PutSnapshotBlock); its checksum header is signed instead.
  if (payloadHash !== 'UNSIGNED-PAYLOAD' && payloadHash !== sha256(request.body)) return false
  if (payloadHash === 'UNSIGNED-PAYLOAD' && credential.service !== 'ebs') return false
  const amzDate = request.headers['x-amz-date'] ?? ''
  if (!amzDate.startsWith(credential.date)) return false
  const canonical = [
    request.method,
    canonicalPath(request.rawPath),
    canonicalQuery(request.rawQuery),
    ...credential.signedHeaders.map(name => `${name}:${(request.headers[name] ?? '').trim().replace(/\s+/g, ' ')}`),
    '',
    credential.signedHeaders.join(';'),
    payloadHash,
  ].join('\n')
  const scope = `${credential.date}/${credential.region}/${credential.service}/aws4_request`
  const stringToSign = ['AWS4-HMAC-SHA256', amzDate, scope, sha256(Buffer.from(canonical))].join('\n')
  const parts = [credential.date, credential.region, credential.service, 'aws4_request']
  const key = parts.reduce<Buffer>((secret, part) => hmac(secret, part), Buffer.from(`AWS4${secretAccessKey}`))
  const expected = hmac(key, stringToSign)
  const given = Buffer.from(credential.signature, 'hex')
  return given.length === expected.length && timingSafeEqual(given, expected)
}

/** Every service but S3 encodes the already encoded path once more. */
function canonicalPath(rawPath: string): string {
  return rawPath.split('/').map(encodeStrict).join('/') || '/'
}

function canonicalQuery(rawQuery: string): string {
  if (rawQuery === '') return ''
  return rawQuery
    .split('&')
    .map(pair => {
      const at = pair.indexOf('=')
      const [name, value] = at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)]
      return [encodeStrict(decodeURIComponent(name)), encodeStrict(decodeURIComponent(value))] as const
    })
    .sort(([nameA, valueA], [nameB, valueB]) => compare(nameA, nameB) || compare(valueA, valueB))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function encodeStrict(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex')
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
