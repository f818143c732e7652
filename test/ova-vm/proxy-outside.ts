// An HTTP proxy on the loopback, which takes tunnels into the lab and counts them: RFC 9110, section 9.3.6.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { type Duplex, pipeline } from 'node:stream'

export interface ProxyOutside extends AsyncDisposable {
  port: number
  /** HOST:PORT of every tunnel. */
  tunnels: string[]
}

/** @param from the name of the loopback for those who ask */
export async function startProxy(from: string): Promise<ProxyOutside> {
  const tunnels: string[] = []
  const open = new Set<Duplex>()
  const server = createServer((_request, response) => response.writeHead(405).end())
  server.on('connect', ({ url = '' }, client, head) => {
    const [host, port] = url.split(':')
    tunnels.push(url)
    open.add(client)
    // A machine whose power is cut resets it.
    client.on('error', () => client.destroy()).on('close', () => open.delete(client))
    // What the lab is not, is not reached: qemu's guests have no other network either.
    if (host !== from) return client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
    const onward = connect(Number(port), '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      onward.write(head)
      pipeline(client, onward, client, () => undefined) // whoever breaks off, both sides end
    })
    onward.on('error', () => client.destroy())
    client.on('close', () => onward.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    tunnels,
    async [Symbol.asyncDispose]() {
      for (const client of open) client.destroy()
      server.closeAllConnections()
      server.close()
    },
  }
}
