// The API of the service on this machine, for programs that may read its data directory: its own certificate, its own token.
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { ApplianceError } from './errors.ts'
import { requestOfOwn } from './own-certificate.ts'
import { readPrivateFile } from './private-file.ts'

export interface LocalService {
  dataDir: string
  /** As the service listens. */
  host: string
  port: number
}

export interface LocalAnswer {
  status: number
  /** Undefined when there is none. */
  body: unknown
}

/** Asks the service. @throws when nobody answers who shows the certificate of the data directory, or not before the signal */
export async function askLocal(
  service: LocalService,
  method: string,
  path: string,
  { body, signal }: { body?: object; signal: AbortSignal },
): Promise<LocalAnswer> {
  const answer = await openLocal(service, method, path, { ...(body ? { body } : {}), signal })
  const read = await text(answer)
  return { status: answer.statusCode ?? 0, body: read === '' ? undefined : JSON.parse(read) }
}

/** As askLocal; the answer's body is still to be read. */
export async function openLocal(
  { dataDir, host, port }: LocalService,
  method: string,
  path: string,
  { body, signal }: { body?: object; signal: AbortSignal },
): Promise<IncomingMessage> {
  const token = await localToken(dataDir)
  const pem = await localCertificate(dataDir)
  if (pem === undefined)
    throw new ApplianceError('NOT_FOUND', 'The service has made no certificate yet.', {
      hint: 'It makes one at its first start.',
    })
  const headers = { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) }
  const own = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  const content = body ? { body: JSON.stringify(body) } : {}
  return await requestOfOwn(pem, { host: own, port, method, path, headers, ...content }, signal)
}

/** Of the file api-token; empty when there is none yet. */
export async function localToken(dataDir: string): Promise<string> {
  return (await readPrivateFile(join(dataDir, 'api-token')))?.toString('utf8').trim() ?? ''
}

/** PEM of the certificate that the service answers with; undefined before its first start. @throws {ApplianceError} PRIVATE_FILE_UNSAFE */
export async function localCertificate(dataDir: string): Promise<Buffer | undefined> {
  return await readPrivateFile(join(dataDir, 'web.crt'))
}
