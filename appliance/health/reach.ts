// Whether a host can be reached: its name, its port, its TLS, told apart, as each is somebody else's to repair.
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { isIP } from 'node:net'
import tls from 'node:tls'
import type { CertificateTrust } from '../domain.ts'
import { connectionError, parseHost, serverName, tlsOptionsFor } from '../vsphere/certificate.ts'
import { type Finding, failed, success } from './check.ts'

/** Node retries the addresses of a name one after the other; a firewall that drops packets would take all the time. */
const connectTimeoutMs = 10_000

/** DNS, TCP and TLS of `host[:port]`, with what is trusted there. */
export async function reach(host: string, trust: CertificateTrust, signal: AbortSignal): Promise<Finding> {
  const { hostname, port } = parseHost(host)
  const started = performance.now()
  if (isIP(hostname) === 0) {
    try {
      await lookup(hostname)
    } catch {
      // Which of the resolver's codes it was changes nothing for whoever has to look.
      return failed(
        `DNS knows no address of ${hostname}.`,
        'Check the spelling of the name, and the DNS servers of the appliance.',
      )
    }
  }
  signal.throwIfAborted()
  const ends = AbortSignal.any([signal, AbortSignal.timeout(connectTimeoutMs)])
  const socket = tls.connect({ host: hostname, port, servername: serverName(hostname), ...tlsOptionsFor(trust) })
  let connected = false
  socket.once('connect', () => {
    connected = true
  })
  try {
    await once(socket, 'secureConnect', { signal: ends })
    return success(`Reached in ${Math.round(performance.now() - started)} ms.`)
  } catch (thrown) {
    signal.throwIfAborted()
    const cause = ends.aborted ? ends.reason : (thrown as Error)
    if (!connected) {
      const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : ''
      return failed(
        `${hostname} has no TCP connection on port ${port}${code}.`,
        `Open port ${port} from the appliance to ${hostname} in the firewall, and check that the other side is up.`,
      )
    }
    const error = connectionError(host, trust, cause)
    return failed(`TLS: ${error.message}.`, error.hint)
  } finally {
    socket.destroy()
  }
}
