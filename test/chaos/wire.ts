// A stretch of network between the appliance and one side of the lab, which can be cut, swallow everything, or be away.
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

interface Pair {
  client: Socket
  upstream: Socket
}

/** A TCP relay on loopback. It understands nothing of what passes. */
export class Wire {
  readonly #target: { host: string; port: number }
  readonly #pairs = new Set<Pair>()
  #server: Server
  #port = 0
  #silent = false

  private constructor(target: { host: string; port: number }) {
    this.#target = target
    this.#server = this.#makeServer()
  }

  /** @param target `host:port` of the far end */
  static async open(target: string): Promise<Wire> {
    const [host = '', port = ''] = target.split(':')
    const wire = new Wire({ host, port: Number(port) })
    await wire.#listen()
    return wire
  }

  /** `127.0.0.1:PORT`: what the appliance is told. */
  get address(): string {
    return `127.0.0.1:${this.#port}`
  }

  /** Resets every connection; new ones work. */
  cut(): number {
    const count = this.#pairs.size
    for (const { client, upstream } of this.#pairs) {
      reset(client)
      reset(upstream)
    }
    return count
  }

  /** From now on nothing passes in either direction, and nobody is told; new connections are taken and stay silent. */
  swallow(): void {
    this.#silent = true
    for (const pair of this.#pairs) pause(pair)
  }

  /** Everything passes again. What was under way goes on where it stood, as after a lost route. */
  passOn(): void {
    this.#silent = false
    for (const { client, upstream } of this.#pairs) {
      client.resume()
      upstream.resume()
    }
  }

  /** Connections are reset, new ones refused: the far end's machine is down. */
  async goAway(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.cut()
    await closed
  }

  /** After `goAway`: at the same address again. */
  async comeBack(): Promise<void> {
    this.#server = this.#makeServer()
    await this.#listen()
  }

  async close(): Promise<void> {
    if (this.#server.listening) await this.goAway()
  }

  async #listen(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    const address = this.#server.address()
    if (address !== null && typeof address === 'object') this.#port = address.port
  }

  #makeServer(): Server {
    return createServer({ noDelay: true }, client => {
      const upstream = connect({ ...this.#target, noDelay: true })
      const pair = { client, upstream }
      this.#pairs.add(pair)
      const silent = () => this.#silent
      relay(client, upstream, silent)
      relay(upstream, client, silent)
      const over = () => {
        client.destroy()
        upstream.destroy()
        this.#pairs.delete(pair)
      }
      client.once('close', over)
      upstream.once('close', over)
      if (this.#silent) pause(pair)
    })
  }
}

function relay(from: Socket, to: Socket, silent: () => boolean): void {
  from.on('data', chunk => {
    if (!to.write(chunk)) from.pause()
  })
  to.on('drain', () => {
    if (!silent()) from.resume()
  })
  from.on('end', () => to.end())
  // A reset is passed on as one.
  from.on('error', () => reset(to))
}

/**
 * libuv refuses to reset what is just being shut down (uv_tcp_close_reset: EINVAL); Node then never closes the socket, and
 * spins at the end of the process waiting for it.
 */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy()
  else socket.resetAndDestroy()
}

function pause({ client, upstream }: Pair): void {
  client.pause()
  upstream.pause()
}
