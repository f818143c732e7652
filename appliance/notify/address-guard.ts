// Which addresses notifications may be sent to: never the link-local ones, where a cloud's or a host's metadata service answers.
import { type LookupAddress, lookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { ApplianceError } from '../errors.ts'

/** `any` but link-local; `loopback`: this machine only, for what is not encrypted. */
export type AddressRule = 'any' | 'loopback'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

const refused = new BlockList()
// RFC 3927 and RFC 4291, 2.5.6: link-local. 169.254.169.254 gives whoever asks the credentials of a cloud's machine.
refused.addSubnet('169.254.0.0', 16, 'ipv4')
refused.addSubnet('fe80::', 10, 'ipv6')
// The same through NAT64 (RFC 6052).
refused.addSubnet('64:ff9b::a9fe:0', 112, 'ipv6')
// And through local NAT64 (RFC 8215), 6to4 (RFC 3056), and IPv4-translated and -compatible addresses (RFC 2765, RFC 4291).
refused.addSubnet('64:ff9b:1::', 48, 'ipv6')
refused.addSubnet('2002:a9fe::', 32, 'ipv6')
refused.addSubnet('::ffff:0:a9fe:0', 112, 'ipv6')
refused.addSubnet('::a9fe:0', 112, 'ipv6')
// EC2's services on the link by IPv6, and Google's. Sources: EC2 User Guide, "Use the Instance Metadata Service"; Compute
// Engine documentation, "About VM metadata".
refused.addSubnet('fd00:ec2::', 32, 'ipv6')
refused.addAddress('fd20:ce::254', 'ipv6')
// "This host" (RFC 1122, 3.2.1.3): Linux connects to loopback, past the rule for it.
refused.addSubnet('0.0.0.0', 8, 'ipv4')
refused.addAddress('::', 'ipv6')

/** Whether an address, as digits, may be connected to. Addresses of IPv4 inside IPv6 are taken as what they are. */
export function mayConnect(address: string, rule: AddressRule): boolean {
  const plain = address.split('%')[0] ?? ''
  const family = isIP(plain) === 6 ? 'ipv6' : 'ipv4'
  if (isIP(plain) === 0 || refused.check(plain, family)) return false
  return rule === 'any' || loopback.check(plain, family)
}

/**
 * Refuses a host that is not allowed as far as it shows: one that is written as an address, and for `loopback` every name but
 * `localhost` and what stands below it (RFC 6761, 6.3). Other names are looked at when they are resolved.
 * @throws {ApplianceError} NOTIFICATION_ADDRESS_REFUSED
 */
export function checkHost(host: string, rule: AddressRule): void {
  const bare = host.replace(/^\[(.*)\]$/, '$1')
  const isAddress = isIP(bare.split('%')[0] ?? '') !== 0
  const allowed = isAddress ? mayConnect(bare, rule) : rule === 'any' || /^(.+\.)?localhost$/i.test(bare)
  if (!allowed) throw addressRefused(host, rule)
}

type Resolve = (
  hostname: string,
  options: { all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

/**
 * A `lookup` for sockets: the addresses that are checked are those that are connected to, so that a name cannot resolve to
 * something else between the two. One address that is not allowed refuses the name.
 */
export function guardedLookup(rule: AddressRule, resolve: Resolve = lookup): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, '')
      const [first] = addresses
      if (first === undefined || !addresses.every(({ address }) => mayConnect(address, rule)))
        return callback(addressRefused(hostname, rule), '')
      // Sockets that try several addresses ask for all of them.
      if (options.all === true) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
}

function addressRefused(host: string, rule: AddressRule): ApplianceError {
  return rule === 'loopback'
    ? new ApplianceError(
        'NOTIFICATION_ADDRESS_REFUSED',
        `${host} is not this machine, and the connection is not encrypted.`,
        {
          hint: 'Use TLS, or a receiver on this machine.',
        },
      )
    : new ApplianceError('NOTIFICATION_ADDRESS_REFUSED', `${host} is a link-local address, or a name of one.`, {
        hint: 'Use the address or name under which the receiver is reached from other networks.',
      })
}
