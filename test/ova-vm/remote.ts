// The API of an appliance in a machine, as somebody who is signed in calls it.
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { ClientRequest } from 'node:http'
import { request } from 'node:https'
import { buffer, text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { ApiError } from '../demo/appliance-process.ts'
import { trusted } from './outside.ts'

/** Emulated machines take their time to hash a password. */
const patienceMs = 60_000

export interface Credentials {
  name: string
  password: string
}

interface Answer {
  status: number
  text: string
  cookie?: string
}

export class Remote {
  readonly #port: number
  readonly #fingerprint: string
  #cookie = ''
  #csrf = ''
  #token = ''

  private constructor(port: number, fingerprint: string) {
    this.#port = port
    this.#fingerprint = fingerprint
  }

  /** @throws ApiError when the credentials are not taken */
  static async signIn(port: number, fingerprint: string, credentials: Credentials): Promise<Remote> {
    const remote = new Remote(port, fingerprint)
    await remote.#enter('/api/session', credentials)
    return remote
  }

  /** Makes the administrator of a new appliance, who is signed in then. @throws ApiError */
  static async claim(port: number, fingerprint: string, code: string, administrator: Credentials): Promise<Remote> {
    const remote = new Remote(port, fingerprint)
    await remote.#enter('/api/setup/code', { code })
    await remote.#enter('/api/setup/administrator', administrator)
    return remote
  }

  /** A program with an API token. */
  static withToken(port: number, fingerprint: string, token: string): Remote {
    const remote = new Remote(port, fingerprint)
    remote.#token = token
    return remote
  }

  /** @throws ApiError for any answer but 2xx */
  async call<T = unknown>(method: string, path: string, body?: object): Promise<T> {
    return parsed<T>(`${method} ${path}`, await this.#send(method, path, body && JSON.stringify(body)))
  }

  /** Sends a file's bytes. @throws ApiError for any answer but 2xx */
  async upload<T = unknown>(path: string, file: string): Promise<T> {
    const { size } = await stat(file)
    const outgoing = this.#request('POST', path, 'application/octet-stream')
    outgoing.setHeader('content-length', size)
    const answered = answerOf(outgoing)
    answered.catch(() => undefined) // awaited below
    // Whoever refuses answers before everything is sent: the answer counts, not the pipe.
    await trusted(outgoing, this.#fingerprint)
    await Promise.race([pipeline(createReadStream(file), outgoing), answered]).catch(() => undefined)
    return parsed<T>(`POST ${path}`, await answered)
  }

  /** The bytes of an answer that is no JSON. */
  async download(path: string): Promise<Buffer> {
    const outgoing = this.#request('GET', path)
    await trusted(outgoing, this.#fingerprint)
    outgoing.end()
    const [incoming] = await once(outgoing, 'response')
    const bytes = await buffer(incoming)
    if (incoming.statusCode !== 200) throw new Error(`GET ${path}: ${incoming.statusCode} ${bytes.subarray(0, 300)}`)
    return bytes
  }

  async #enter(path: string, body: object): Promise<void> {
    const answer = await this.#send('POST', path, JSON.stringify(body))
    this.#csrf = parsed<{ csrf: string }>(`POST ${path}`, answer).csrf
    this.#cookie = answer.cookie ?? ''
  }

  async #send(method: string, path: string, body?: string): Promise<Answer> {
    const outgoing = this.#request(method, path, body === undefined ? undefined : 'application/json')
    const answered = answerOf(outgoing)
    answered.catch(() => undefined) // awaited below, unless whoever answers is another
    await trusted(outgoing, this.#fingerprint)
    outgoing.end(body)
    return await answered
  }

  #request(method: string, path: string, type?: string): ClientRequest {
    const outgoing = request({
      ...{ host: '127.0.0.1', port: this.#port, method, path, agent: false, timeout: patienceMs },
      rejectUnauthorized: false, // the fingerprint says more
      headers: {
        ...(type === undefined ? {} : { 'content-type': type }),
        ...(this.#token === '' ? {} : { authorization: `Bearer ${this.#token}` }),
        ...(this.#cookie === '' ? {} : { cookie: this.#cookie, 'x-hoist-csrf': this.#csrf }),
      },
    })
    outgoing.on('timeout', () => outgoing.destroy(new Error(`${method} ${path}: no answer`)))
    return outgoing
  }
}

async function answerOf(outgoing: ClientRequest): Promise<Answer> {
  const [incoming] = await once(outgoing, 'response')
  const cookie = incoming.headers['set-cookie']?.[0]?.split(';')[0]
  return { status: incoming.statusCode ?? 0, text: await text(incoming), ...(cookie === undefined ? {} : { cookie }) }
}

function parsed<T>(what: string, { status, text }: Answer): T {
  const body = text === '' ? undefined : JSON.parse(text)
  if (status < 200 || status > 299) throw new ApiError(what, status, body ?? {})
  return body as T
}
