// The appliance as a user runs it: a process of its own, spoken to through its API over pinned TLS.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { Agent, type RequestOptions, request } from 'node:https'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import packageJson from '../../package.json' with { type: 'json' }

const root = join(import.meta.dirname, '..', '..')
const readyTimeoutMs = 60_000

export interface ApplianceOptions {
  dataDir: string
  /** Where its log goes. */
  logFile: string
  env?: Record<string, string>
  /** A program and its arguments that become the appliance: it runs in another namespace, for example. */
  wrap?: string[]
  /** Where we see the data directory, if the appliance's path is not ours. */
  seenAs?: string
}

/** An answer of the API that is no success. */
export class ApiError extends Error {
  readonly statusCode: number
  readonly body: { code?: string; message?: string; hint?: string }

  constructor(what: string, statusCode: number, body: { code?: string; message?: string; hint?: string }) {
    super(`${what}: ${statusCode} ${body.code ?? ''} ${body.message ?? ''} ${body.hint ?? ''}`)
    this.statusCode = statusCode
    this.body = body
  }
}

/** A running appliance. */
export class ApplianceProcess {
  readonly url: string
  readonly token: string
  readonly #child: ChildProcess
  readonly #agent: Agent

  private constructor(child: ChildProcess, url: string, token: string, certificatePem: string) {
    this.#child = child
    this.url = url
    this.token = token
    this.#agent = new Agent({ keepAlive: true, ca: certificatePem })
  }

  /** Does what `npm start` does, on a port of the system's choice and waits until it listens. */
  static async start(options: ApplianceOptions): Promise<ApplianceProcess> {
    const { args, env } = startCommand()
    const [program = '', ...rest] = [...(options.wrap ?? []), process.execPath, ...args]
    const seenAs = options.seenAs ?? options.dataDir
    const child = spawn(program, rest, {
      cwd: root,
      env: { ...env, PATH: process.env.PATH, HOIST_DATA_DIR: options.dataDir, HOIST_PORT: '0', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const log = createWriteStream(options.logFile, { flags: 'a' })
    child.stderr?.pipe(log, { end: false })
    const url = await new Promise<string>((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`The appliance did not start: see ${options.logFile}`)),
        readyTimeoutMs,
      )
      child.once('exit', code => reject(new Error(`The appliance ended with ${code}: see ${options.logFile}`)))
      createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', line => {
        log.write(`${line}\n`)
        if (!line.includes('appliance ready')) return
        clearTimeout(late)
        resolve(JSON.parse(line).address)
      })
    })
    child.removeAllListeners('exit')
    const token = (await readFile(join(seenAs, 'api-token'), 'utf8')).trim()
    const certificate = await readFile(join(seenAs, 'web.crt'), 'utf8')
    return new ApplianceProcess(child, url, token, certificate)
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** False once it has ended, however. */
  get runs(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Its exit status; null while it runs, or when a signal ended it. */
  get exitCode(): number | null {
    return this.#child.exitCode
  }

  /** Calls the API. @throws ApiError for any answer but 2xx */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const { statusCode, text } = await this.#send(method, path, body)
    const answer = text === '' ? undefined : JSON.parse(text)
    if (statusCode < 200 || statusCode > 299) throw new ApiError(`${method} ${path}`, statusCode, answer ?? {})
    return answer as T
  }

  /** Follows `/api/events` until the signal is aborted. */
  async follow(onEvent: (kind: string, data: unknown) => void, signal: AbortSignal): Promise<void> {
    const outgoing = request(new URL('/api/events', this.url), { ...this.#options('GET'), agent: false, signal })
    outgoing.end()
    const [incoming] = await once(outgoing, 'response')
    let kind = ''
    for await (const line of createInterface({ input: incoming })) {
      if (line.startsWith('event: ')) kind = line.slice(7)
      if (line.startsWith('data: ')) onEvent(kind, JSON.parse(line.slice(6)))
    }
  }

  /** Peak resident memory of the process, bytes, as Linux counts it. */
  async rssPeakBytes(): Promise<number> {
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8')
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024
  }

  /** CPU time so far, seconds. */
  async cpuSeconds(): Promise<number> {
    const fields = (await readFile(`/proc/${this.pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? []
    // utime and stime are fields 14 and 15 of proc(5), in ticks of 10 ms.
    return (Number(fields[11]) + Number(fields[12])) / 100
  }

  /** Ends it, and waits for its end. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.#agent.destroy()
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill(signal)
    await ended
  }

  async #send(method: string, path: string, body: unknown): Promise<{ statusCode: number; text: string }> {
    const outgoing = request(new URL(path, this.url), this.#options(method))
    if (body !== undefined) outgoing.setHeader('content-type', 'application/json')
    outgoing.end(body === undefined ? undefined : JSON.stringify(body))
    const [incoming] = await once(outgoing, 'response')
    let text = ''
    incoming.setEncoding('utf8')
    for await (const chunk of incoming) text += chunk
    return { statusCode: incoming.statusCode, text }
  }

  #options(method: string): RequestOptions {
    return {
      method,
      agent: this.#agent,
      ca: this.#agent.options.ca,
      headers: { authorization: `Bearer ${this.token}` },
    }
  }
}

/** The arguments and variables of `npm start`, without npm around it: a child's memory and signals are the appliance's own. */
function startCommand(): { args: string[]; env: Record<string, string> } {
  const words = packageJson.scripts.start.split(' ')
  const node = words.lastIndexOf('node')
  const env = words.slice(words.indexOf('env') + 1, node).map(word => word.split('=') as [string, string])
  return { args: words.slice(node + 1), env: Object.fromEntries(env) }
}
