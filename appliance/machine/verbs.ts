// What may be asked of the machine: a fixed list of verbs, each with everything it takes. Nothing else is ever done.
import { BlockList, isIPv4, isIPv6 } from 'node:net'
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { ApplianceError } from '../errors.ts'

const strict = { additionalProperties: false } as const
const label = '[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
const name = `${label}(\\.${label})*`

// No pattern admits a blank, a quote, a line's end or a slash: what passes can stand in a configuration file as it is.
const Address = Type.String({ minLength: 2, maxLength: 45, pattern: '^[0-9A-Fa-f:.]+$' })
const DnsName = Type.String({ maxLength: 253, pattern: `^${name}$` })
/** At most what Linux takes: HOST_NAME_MAX of hostname(7). */
const Hostname = Type.String({ maxLength: 64, pattern: `^${name}$` })
/** Credentials go into a file in percent-encoding. */
const Credential = Type.String({ minLength: 1, maxLength: 256 })

const address = (bits: number) =>
  Type.Object(
    {
      method: Type.Literal('static'),
      address: Address,
      prefixLength: Type.Integer({ minimum: 1, maximum: bits }),
      gateway: Type.Optional(Address),
    },
    strict,
  )
const method = <T extends string>(word: T) => Type.Object({ method: Type.Literal(word) }, strict)

// What the verbs take that the API's bodies take too: written down once.
export const networkFields = {
  ipv4: Type.Union([method('dhcp'), address(32), method('off')]),
  ipv6: Type.Union([method('automatic'), address(128), method('off')]),
  dns: Type.Array(Address, { maxItems: 4, description: 'None: those that DHCP or the router names' }),
  searchDomains: Type.Array(DnsName, { maxItems: 6 }),
}
export const timeFields = {
  servers: Type.Array(Type.Union([DnsName, Address]), { maxItems: 8, description: 'None: the usual ones' }),
}
export const hostnameFields = { name: Hostname }
export const resetWords = 'erase everything'

const schema = Type.Union([
  Type.Object({ verb: Type.Literal('network'), ...networkFields }, strict),
  Type.Object({ verb: Type.Literal('time'), ...timeFields }, strict),
  Type.Object({ verb: Type.Literal('hostname'), ...hostnameFields }, strict),
  /** Whoever asks is not root, and no verb sets a key: it would make the service root. */
  Type.Object({ verb: Type.Literal('ssh'), enabled: Type.Boolean() }, strict),
  Type.Object(
    {
      verb: Type.Literal('proxy'),
      /** Absent: none. */
      url: Type.Optional(
        Type.String({ maxLength: 300, pattern: `^https?://(${name}|\\[[0-9A-Fa-f:.]+\\])(:[0-9]{1,5})?/?$` }),
      ),
      username: Type.Optional(Credential),
      password: Type.Optional(Credential),
    },
    strict,
  ),
  /** Whether security updates are installed by themselves. */
  Type.Object({ verb: Type.Literal('updates'), enabled: Type.Boolean() }, strict),
  /** Changes nothing: what the other verbs have set. */
  Type.Object({ verb: Type.Literal('state') }, strict),
  Type.Object(
    {
      verb: Type.Literal('upgrade'),
      /** In the directory of uploads: a name, never a path. */
      file: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$' }),
    },
    strict,
  ),
  Type.Object(
    { verb: Type.Literal('restart'), what: Type.Union([Type.Literal('service'), Type.Literal('machine')]) },
    strict,
  ),
  Type.Object({ verb: Type.Literal('reset'), confirm: Type.Literal(resetWords) }, strict),
])

export type Verb = Static<typeof schema>
export type VerbOf<T extends Verb['verb']> = Extract<Verb, { verb: T }>

/**
 * A verb out of a line that anybody may have written.
 * @throws {ApplianceError} INVALID_REQUEST
 */
export function parseVerb(line: Uint8Array): Verb {
  const value = jsonOf(line)
  if (!Value.Check(schema, value)) throw invalid('It is none of the documented verbs, or not in its form')
  const flaw = flawOf(value)
  if (flaw !== undefined) throw invalid(flaw)
  return value
}

/** What is wrong with a verb that has the right form. */
function flawOf(verb: Verb): string | undefined {
  switch (verb.verb) {
    case 'network':
      return networkFlaw(verb)
    case 'proxy':
      return proxyFlaw(verb)
    case 'hostname':
      return hostnameFlaw(verb.name)
    case 'time':
      return verb.servers.every(isTimeServer) ? undefined : 'A time server is neither a name nor an address'
    default:
      return undefined
  }
}

type Network = Omit<VerbOf<'network'>, 'verb'>

/** What is wrong with a network that has the right form: for the helper, and for whoever asks it. */
export function networkFlaw(network: Network): string | undefined {
  const { ipv4, ipv6, dns } = network
  if (ipv4.method === 'off' && ipv6.method === 'off') return 'Without IPv4 and IPv6 nobody could reach the appliance'
  const sides = [
    [ipv4, isIPv4],
    [ipv6, isIPv6],
  ] as const
  for (const [side, isAddress] of sides) {
    if (side.method !== 'static') continue
    if (!isAddress(side.address)) return 'The address is none of its kind'
    if (side.gateway !== undefined && !isAddress(side.gateway)) return 'The gateway is no address of its kind'
    if (side.gateway === side.address) return 'The gateway is the appliance itself'
  }
  if (!dns.every(server => isIPv4(server) || isIPv6(server))) return 'A DNS server is no address'
  return placeFlaw(ipv4) ?? placeFlaw(ipv6)
}

/** Addresses that no machine can have or reach another by, though each is written well: with them nobody finds the appliance again. */
export function placeFlaw(side: Network['ipv4'] | Network['ipv6']): string | undefined {
  if (side.method !== 'static') return undefined
  const { address, prefixLength, gateway } = side
  const flaw = unusable(address, prefixLength)
  if (flaw !== undefined) return `${address} ${flaw}`
  const family = familyOf(address)
  if (gateway === undefined || linkLocal.check(gateway, family)) return undefined
  const network = new BlockList()
  network.addSubnet(address, prefixLength, family)
  if (!network.check(gateway, family))
    return `The gateway ${gateway} is not in the network of ${address}/${prefixLength}`
  const gatewayFlaw = unusable(gateway, prefixLength)
  return gatewayFlaw === undefined ? undefined : `The gateway ${gateway} ${gatewayFlaw}`
}

/** Why no machine can have it in a network of this size. */
function unusable(address: string, prefixLength: number): string | undefined {
  const family = familyOf(address)
  // First: to a BlockList it is the IPv4 address, and may be on the list of those.
  if (family === 'ipv6' && mapped.check(address, family)) return 'is an IPv4 address in the form of IPv6'
  if (nobodys.check(address, family)) return 'is no address that a machine can have'
  // A link of two, and a machine alone, have no addresses to spare: RFC 3021.
  if (family === 'ipv6' || prefixLength > 30) return undefined
  const size = 2 ** (32 - prefixLength)
  const place = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) % size
  if (place === 0) return `is the address of its network, /${prefixLength}, not of a machine in it`
  return place === size - 1 ? `is the broadcast address of its network, /${prefixLength}` : undefined
}

const familyOf = (address: string) => (isIPv4(address) ? 'ipv4' : 'ipv6')

/** This host, loopback, multicast and broadcast. Source: RFC 6890. */
const nobodys = new BlockList()
nobodys.addSubnet('0.0.0.0', 8, 'ipv4')
nobodys.addSubnet('127.0.0.0', 8, 'ipv4')
nobodys.addSubnet('224.0.0.0', 3, 'ipv4')
nobodys.addSubnet('::', 127, 'ipv6')
nobodys.addSubnet('ff00::', 8, 'ipv6')

/** Never on a wire: RFC 4038, 4.2. A list of its own, as one with it holds every IPv4 address too. */
const mapped = new BlockList()
mapped.addSubnet('::ffff:0:0', 96, 'ipv6')

/** A router of IPv6 is reached by it on any network. */
const linkLocal = new BlockList()
linkLocal.addSubnet('fe80::', 10, 'ipv6')

/** What is wrong with a host name that has the right form; without the name. It stands in /etc/hosts and in the certificate. */
export function hostnameFlaw(name: string): string | undefined {
  if (endsInNumber.test(name)) return 'A host name that ends in a number would be taken for an address'
  // The part before the first dot is a name too; source of the last one: RFC 6761, 6.3.
  return /^localhost(\.|$)|\.localhost$/i.test(name) ? 'By "localhost" every machine means itself' : undefined
}

export function isTimeServer(server: string): boolean {
  return isIPv4(server) || isIPv6(server) || (Value.Check(DnsName, server) && !endsInNumber.test(server))
}

/** A name like this is a broken address: RFC 3696, 2. */
const endsInNumber = /(^|\.)[0-9]+$/

function proxyFlaw({ url, username, password }: VerbOf<'proxy'>): string | undefined {
  if (url === undefined && (username !== undefined || password !== undefined)) return 'Credentials without a proxy'
  if (password !== undefined && username === undefined) return 'A password without a user name'
  if (url !== undefined && URL.parse(url) === null) return 'The URL of the proxy is none'
  // A lone surrogate has no percent-encoding.
  return [username, password].every(text => text === undefined || text.isWellFormed())
    ? undefined
    : 'Credentials are no text'
}

function jsonOf(line: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(line))
  } catch (cause) {
    throw invalid('It is no JSON', cause)
  }
}

function invalid(why: string, cause?: unknown): ApplianceError {
  return new ApplianceError('INVALID_REQUEST', `The machine is not asked this way: ${why}.`, {
    cause,
    hint: 'Send one JSON object in a line, as the table of verbs has it.',
  })
}
