// Requests to the service of this machine: whoever shows the very certificate of its data directory is it, nobody else.
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { request } from 'node:https'
import { connect, type TLSSocket } from 'node:tls'

export interface OwnRequest {
  host: string
  port: number
  method: string
  path: string
  headers?: OutgoingHttpHeaders
  body?: string
}

/**
 * Sends a request to whoever shows this certificate, and not one byte of it to anybody else. The answer's body is still to be read.
 * @param pem its first certificate counts, which is the server's; what follows is the chain above it
 * @throws when it is another certificate, or there is no answer before the signal
 */
export async function requestOfOwn(
  pem: Buffer,
  { host, port, method, path, headers = {}, body }: OwnRequest,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const socket = await connectToOwn(pem, { host, port }, signal)
  try {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    // Without an agent: it would make a connection of its own.
    const asked = request({ host, port, method, path, headers, signal, createConnection: () => socket }, resolve)
    asked.on('error', reject).end(body)
    return await promise
  } catch (thrown) {
    socket.destroy()
    throw thrown
  }
}

/**
 * The certificate is pinned, not validated. To be the same one byte for byte says more than a valid chain: no other passes, not
 * even another of the same key and name; and that the server has its key too is proved by the handshake, which ends before the
 * comparison. Who signed it, for which names and until when is for browsers to mind. Here it would only do harm: one that has
 * ended, or a clock that is wrong, would keep the machine from its own service, and roll back each upgrade.
 */
async function connectToOwn(
  pem: Buffer,
  { host, port }: { host: string; port: number },
  signal: AbortSignal,
): Promise<TLSSocket> {
  const own = new X509Certificate(pem)
  const socket = connect({ host, port, rejectUnauthorized: false })
  // An error between the handshake and the request has no other listener, and would end the process.
  socket.on('error', () => undefined)
  try {
    await once(socket, 'secureConnect', { signal })
    // None when the connection has been lost meanwhile.
    if (socket.getPeerX509Certificate()?.raw.equals(own.raw)) return socket
    throw new Error(`Port ${port} of ${host} does not show the certificate of this appliance.`)
  } catch (thrown) {
    socket.destroy()
    throw thrown
  }
}
