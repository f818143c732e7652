// The appliance as its neighbours on the network see it.
import { once } from 'node:events'
import { type ClientRequest, get as httpGet, type IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { type TLSSocket, connect as tlsConnect } from 'node:tls'

const patienceMs = 20_000
/** What a guest's firewall drops stays silent: so long is listened for. */
export const silenceMs = 10_000

/** SHA-256 of the certificate behind a port of the loopback; undefined while nobody answers by TLS. */
export async function fingerprintAt(port: number): Promise<string | undefined> {
  const socket = tlsConnect({ host: '127.0.0.1', port, rejectUnauthorized: false, timeout: patienceMs })
  socket.on('timeout', () => socket.destroy(new Error('no answer')))
  try {
    await once(socket, 'secureConnect')
    return socket.getPeerCertificate().fingerprint256
  } catch {
    return undefined // It does not listen yet: whoever waits asks again.
  } finally {
    socket.destroy()
  }
}

export interface Answer {
  status: number
  location: string
  text: string
}

/** GET by HTTPS from whoever has the certificate of this fingerprint. @throws for any other */
export function getHttps(port: number, path: string, fingerprint: string): Promise<Answer> {
  return overTls(port, path, fingerprint)
}

function postHttps(port: number, path: string, fingerprint: string, body: object): Promise<Answer> {
  return overTls(port, path, fingerprint, JSON.stringify(body))
}

/** A setup code is refused, for itself or as nobody is asked for one any more. @throws for any other answer */
export async function expectCodeRefused(port: number, fingerprint: string, code: string): Promise<void> {
  const { status, text } = await postHttps(port, '/api/setup/code', fingerprint, { code })
  const refusal = Object(status < 400 ? undefined : JSON.parse(text)).code
  if (!['SETUP_CODE_WRONG', 'ALREADY_CLAIMED'].includes(refusal))
    throw new Error(`the setup code is answered with ${status} ${text.slice(0, 200)}`)
}

async function overTls(port: number, path: string, fingerprint: string, body?: string): Promise<Answer> {
  const outgoing = request({
    ...{ host: '127.0.0.1', port, path, agent: false, timeout: patienceMs, rejectUnauthorized: false },
    ...(body === undefined ? {} : { method: 'POST', headers: { 'content-type': 'application/json' } }),
  })
  outgoing.on('timeout', () => outgoing.destroy(new Error('no answer')))
  const answered = once(outgoing, 'response')
  answered.catch(() => undefined) // awaited below, unless whoever answers is another
  await trusted(outgoing, fingerprint)
  outgoing.end(body)
  const [response] = await answered
  return await answerOf(response)
}

/** Waits until it is known who answers; nothing is to be sent before. @throws for another certificate than this */
export async function trusted(outgoing: ClientRequest, fingerprint: string): Promise<void> {
  const [socket] = (await once(outgoing, 'socket')) as [TLSSocket]
  await once(socket, 'secureConnect')
  const presented = socket.getPeerCertificate().fingerprint256
  if (presented === fingerprint) return
  outgoing.destroy()
  throw new Error(`another certificate: ${presented}`)
}

export async function getHttp(port: number, path: string): Promise<Answer> {
  const asked = httpGet({
    host: '127.0.0.1',
    port,
    path,
    agent: false,
    timeout: patienceMs,
    headers: { host: 'hoist.example.com' },
  })
  asked.on('timeout', () => asked.destroy(new Error('no answer')))
  const [response] = await once(asked, 'response')
  return await answerOf(response)
}

async function answerOf(response: IncomingMessage): Promise<Answer> {
  return { status: response.statusCode ?? 0, location: response.headers.location ?? '', text: await text(response) }
}

/** What a server says by itself in so many milliseconds; qemu takes connections for ports that the guest drops, too. */
export async function greetingAt(port: number, waitMs: number): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port })
  let text = ''
  socket.setEncoding('latin1').on('data', chunk => {
    text += chunk
  })
  await new Promise<void>(done => {
    // Refused, closed, or silent: whatever was said until then counts.
    for (const event of ['error', 'close', 'data']) socket.on(event, () => done())
    setTimeout(done, waitMs).unref()
  })
  socket.destroy()
  return text
}
