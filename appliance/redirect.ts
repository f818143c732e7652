// Plain HTTP, only to send whoever types a bare name to the page: every request is answered with 308 to https, none with more.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, isIPv6 } from 'node:net'
import { hostname } from 'node:os'

export interface RedirectOptions {
  host: string
  /** 0 lets the system choose. */
  port: number
  /** Where the page is. */
  httpsPort: number
  /** For requests that do not say whom they mean. */
  ownName?: () => string
}

export interface Redirect {
  port: number
  /** Cuts off who is connected. */
  stop(): Promise<void>
}

/** Browsers send less than 4 KiB to a name that is new to them. Bytes. */
const maxHeaderBytes = 8 * 1024
/** A request is one small packet. Milliseconds. */
const requestMs = 5_000
/** Nobody stays: each connection carries one answer of 200 bytes. */
const maxConnections = 64
/** What browsers and proxies take for sure. */
const maxLocationLength = 2_000

/** @throws what `listen` throws */
export async function serveRedirect(options: RedirectOptions): Promise<Redirect> {
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    response.shouldKeepAlive = false
    response
      .writeHead(308, { location: locationFor(request, options), 'cache-control': 'no-store', 'content-length': 0 })
      .end()
  }
  const server = createServer(
    {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: requestMs,
      requestTimeout: requestMs,
      connectionsCheckingInterval: 1_000,
      // Node would answer those without one by itself.
      requireHostHeader: false,
    },
    answer,
  )
  server.maxConnections = maxConnections
  // A body that nobody reads is no reason to stay.
  server.setTimeout(requestMs, socket => socket.destroy())
  server.on('checkContinue', answer).on('checkExpectation', answer)
  // Not HTTP, too large or too slow: there is nothing to be said. Those who ask for a tunnel are cut off by Node.
  server.on('clientError', (_error, socket) => socket.destroy())
  server.listen({ host: options.host, port: options.port })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    async stop() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

function locationFor({ headersDistinct, url = '' }: IncomingMessage, options: RedirectOptions): string {
  const { httpsPort, ownName = hostname } = options
  const hosts = headersDistinct.host ?? []
  const name = (hosts.length === 1 && nameOf(hosts[0] ?? '')) || nameOf(ownName()) || 'localhost'
  const base = `https://${name}${httpsPort === 443 ? '' : `:${httpsPort}`}`
  // Only what follows a name: `GET http://elsewhere/` and `OPTIONS *` have no path of ours.
  const path = /^\/[\x21-\x7e]*$/.test(url) ? url : '/'
  return base.length + path.length > maxLocationLength ? `${base}/` : base + path
}

/**
 * The name in a Host header without its port, if it is nothing but a name or an address: no user, no path, no blank.
 * Sources: RFC 9112, 3.2; RFC 1123, 2.1.
 */
function nameOf(host: string): string | undefined {
  const { name, address } = /^(?:(?<name>[^:[\]]+)|\[(?<address>[^\]]+)\])(?::\d{1,5})?$/.exec(host)?.groups ?? {}
  // A zone, as in fe80::1%eth0, is nothing that a browser would take.
  if (address !== undefined) return isIPv6(address) && !address.includes('%') ? `[${address}]` : undefined
  const label = /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/
  return name !== undefined && name.length <= 253 && name.split('.').every(part => label.test(part)) ? name : undefined
}
