// Whether the service on this machine answers that it is ready.
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { requestOfOwn } from '../own-certificate.ts'

/** A certificate with its chain is a tenth of it. Bytes. */
const maxCertificateBytes = 256 * 1024
/** An answer that takes longer is none, milliseconds. */
const answerMs = 5_000

/**
 * Asks `GET /api/health/ready` on loopback of whoever shows the service's certificate.
 * @param certificatePath of the service's own user: a link there is not followed
 */
export async function askReady(port: number, certificatePath: string, given: AbortSignal): Promise<boolean> {
  const pem = await readCertificate(certificatePath)
  const signal = AbortSignal.any([given, AbortSignal.timeout(answerMs)])
  const question = { host: '127.0.0.1', port, method: 'GET', path: '/api/health/ready' }
  const answer = await requestOfOwn(pem, question, signal)
  answer.resume()
  return answer.statusCode === 200
}

async function readCertificate(path: string): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const stats = await file.stat()
    if (!stats.isFile() || stats.size > maxCertificateBytes) throw new Error(`${path} is no certificate`)
    return await file.readFile()
  } finally {
    await file.close()
  }
}
