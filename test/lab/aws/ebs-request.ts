// EBS direct's REST wire: which operation a method and path mean, its parameters, and how an answer is sent.
import { AwsError, validationError } from './aws-error.ts'
import type { SignedRequest } from './sigv4.ts'

export type EbsRequest = {
  operation: string
  snapshotId: string
  blockIndex: number
  query: URLSearchParams
  headers: Record<string, string>
  body: Buffer
}

export type WireAnswer = { statusCode: number; headers: Record<string, string>; body: string | Buffer }

const routes: [string, RegExp, string][] = [
  ['POST', /^\/snapshots$/, 'StartSnapshot'],
  ['POST', /^\/snapshots\/completion\/([^/]+)$/, 'CompleteSnapshot'],
  ['PUT', /^\/snapshots\/([^/]+)\/blocks\/([^/]+)$/, 'PutSnapshotBlock'],
  ['GET', /^\/snapshots\/([^/]+)\/blocks\/([^/]+)$/, 'GetSnapshotBlock'],
  ['GET', /^\/snapshots\/([^/]+)\/blocks$/, 'ListSnapshotBlocks'],
  ['GET', /^\/snapshots\/([^/]+)\/changedblocks$/, 'ListChangedBlocks'],
]

export function parseEbsRequest(request: SignedRequest): EbsRequest {
  for (const [method, pattern, operation] of routes) {
    const match = method === request.method ? pattern.exec(request.rawPath) : null
    if (match === null) continue
    const { headers, body } = request
    const query = new URLSearchParams(request.rawQuery)
    return {
      operation,
      snapshotId: decodeURIComponent(match[1] ?? ''),
      blockIndex: Number(match[2] ?? -1),
      query,
      headers,
      body,
    }
  }
  throw new AwsError('UnknownOperationException', 'The operation is not known.', 404)
}

export function jsonAnswer(statusCode: number, value: object): WireAnswer {
  return { statusCode, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) }
}

export function parseJson(body: Buffer): Record<string, unknown> {
  try {
    return JSON.parse(body.toString('utf8') || '{}') as Record<string, unknown>
  } catch {
    throw new AwsError('SerializationException', 'The request body is not JSON.')
  }
}

/** An integer of the query or headers, within its bounds. */
export function integer(
  text: string | null | undefined,
  name: string,
  low: number,
  high: number,
  fallback?: number,
): number {
  if ((text === null || text === undefined) && fallback !== undefined) return fallback
  const value = Number(text ?? Number.NaN)
  if (!Number.isInteger(value) || value < low || value > high) {
    throw validationError('INVALID_PARAMETER_VALUE', `${name} must be between ${low} and ${high}, not ${text}`)
  }
  return value
}
