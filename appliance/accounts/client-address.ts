// Who asks, by address: as people write it, whichever way the connection came in.
import { isIPv4, isIPv6 } from 'node:net'

/**
 * The address of the other side of a connection. A service that listens on `::` is told of an IPv4 client as
 * `::ffff:10.0.0.5` (RFC 4291, 2.5.5.2): the same machine must not have two names in the audit log, nor two limits.
 */
export function plainAddress(address: string): string {
  if (!isIPv6(address)) return address
  // The parser of URLs writes the last two groups in hex, in whichever form they came. It knows no zones, which none of these has.
  const mapped = URL.parse(`http://[${address}]/`)?.hostname ?? ''
  const [, high, low] = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(mapped) ?? []
  if (high === undefined || low === undefined) return address
  return [high, low]
    .map(group => Number.parseInt(group, 16))
    .flatMap(group => [group >> 8, group & 0xff])
    .join('.')
}

/**
 * Whether a connection comes from this machine: over the loopback, or from the very address that it goes to, which Linux takes
 * from nobody else. It proves nothing alone: the token of the data directory has to be shown, too, and that token proves nothing
 * without it, as every copy of the disk holds it.
 */
export function fromThisMachine(remote: string, local: string | undefined): boolean {
  const plain = plainAddress(remote)
  if (plain === '::1' || (isIPv4(plain) && plain.startsWith('127.'))) return true
  return local !== undefined && plain === plainAddress(local)
}
