// Network and name as a form: filled with what is in force, and read back as verbs.
import { isIPv4, isIPv6 } from 'node:net'
import { toApplianceError } from '../errors.ts'
import type { MachineState } from '../machine/machine-state.ts'
import { hostnameFlaw, parseVerb, placeFlaw, type Verb, type VerbOf } from '../machine/verbs.ts'
import type { FormFlaw, FormSpec, Values } from './form.ts'

/** What the machine has now, whoever gave it: the most likely values of who goes from DHCP to static. */
export interface Present {
  hostName: string
  /** As `192.0.2.10/24`. */
  ipv4?: string
  gateway?: string
  ipv6?: string
  /** Those that are asked now. */
  dns?: readonly string[]
}

type Side = VerbOf<'network'>['ipv4'] | VerbOf<'network'>['ipv6']

const staticIs = (field: string) => (values: Values) => values[field] === 'static'

/** With DHCP gone, its DNS servers are too; before, naming them would keep DHCP from ever changing them. Two fields, one is shown. */
const dnsField = ({ ipv4 }: Values) => (ipv4 === 'static' ? 'dnsStatic' : 'dns')

export function networkForm(state: MachineState, present: Present): FormSpec {
  const { ipv4, ipv6, dns, searchDomains } = state.network
  const address = (side: Side, other = '') =>
    side.method === 'static' ? `${side.address}/${side.prefixLength}` : other
  const gateway = (side: Side, other = '') => (side.method === 'static' ? (side.gateway ?? '') : other)
  const text = { kind: 'text' as const, maxLength: 80 }
  const name = state.hostname ?? present.hostName
  const given = dns.length === 0 && ipv4.method === 'dhcp' ? nameable(present.dns) : dns
  const servers = { ...text, label: 'DNS servers', maxLength: 200 }
  const upTo = 'Up to 4 addresses, with blanks between; empty:'
  return {
    check: values => networkFlaw(values, name),
    fields: [
      {
        ...text,
        name: 'hostName',
        label: 'Host name',
        value: name,
        // With the dot at its end that DNS writes.
        maxLength: 65,
        hint: 'As in DNS, for example hoist.example.com',
      },
      {
        kind: 'choice',
        name: 'ipv4',
        label: 'IPv4',
        value: ipv4.method,
        options: [
          { value: 'dhcp', label: 'DHCP' },
          { value: 'static', label: 'static' },
          { value: 'off', label: 'off' },
        ],
      },
      {
        ...text,
        name: 'ipv4Address',
        label: 'IPv4 address/prefix',
        value: address(ipv4, present.ipv4),
        hint: 'For example 192.0.2.10/24; 24 is 255.255.255.0',
        shownIf: staticIs('ipv4'),
      },
      {
        ...text,
        name: 'ipv4Gateway',
        label: 'IPv4 gateway',
        value: gateway(ipv4, present.gateway),
        hint: 'For example 192.0.2.1; empty: none',
        shownIf: staticIs('ipv4'),
      },
      {
        kind: 'choice',
        name: 'ipv6',
        label: 'IPv6',
        value: ipv6.method,
        options: [
          { value: 'automatic', label: 'automatic' },
          { value: 'static', label: 'static' },
          { value: 'off', label: 'off' },
        ],
      },
      {
        ...text,
        name: 'ipv6Address',
        label: 'IPv6 address/prefix',
        value: address(ipv6, present.ipv6),
        hint: 'For example 2001:db8::10/64',
        shownIf: staticIs('ipv6'),
      },
      {
        ...text,
        name: 'ipv6Gateway',
        label: 'IPv6 gateway',
        value: gateway(ipv6),
        hint: 'For example 2001:db8::1; empty: none',
        shownIf: staticIs('ipv6'),
      },
      {
        ...servers,
        name: 'dns',
        value: dns.join(' '),
        hint: `${upTo} those that DHCP or the router names`,
        shownIf: values => dnsField(values) === 'dns',
      },
      {
        ...servers,
        name: 'dnsStatic',
        value: given.join(' '),
        hint: `${upTo} those that the router of IPv6 names`,
        shownIf: values => dnsField(values) === 'dnsStatic',
      },
      {
        ...text,
        name: 'searchDomains',
        label: 'Search domains',
        value: searchDomains.join(' '),
        maxLength: 400,
        hint: 'Up to 6, with blanks between; empty: those that DHCP or the router names',
      },
    ],
  }
}

/** What may stand in the machine's network: not its own server, none of one link, no more than fit. */
function nameable(servers: readonly string[] = []): string[] {
  const others = servers.filter(
    server => !/^(127\.|::1$|fe[89ab])|%/i.test(server) && (isIPv4(server) || isIPv6(server)),
  )
  return [...new Set(others)].slice(0, 4)
}

/** What has to be asked for: only what differs from what is set. */
export function networkVerbs(values: Values, state: MachineState, present: Present): Verb[] {
  const network = networkOf(values)
  const name = nameOf(values)
  const { ipv4, ipv6, dns, searchDomains } = state.network
  const verbs: Verb[] = []
  if (name !== (state.hostname ?? present.hostName)) verbs.push({ verb: 'hostname', name })
  if (!same(network, { verb: 'network', ipv4, ipv6, dns, searchDomains })) verbs.push(network)
  return verbs
}

/** Lines for the question whether this is meant. */
export function networkSummary(verbs: readonly Verb[]): string[] {
  return verbs.flatMap(verb => {
    if (verb.verb === 'hostname') return [`Host name        ${verb.name}`]
    if (verb.verb !== 'network') return []
    const side = (one: Side) =>
      one.method === 'static'
        ? `${one.address}/${one.prefixLength}, gateway ${one.gateway ?? 'none'}`
        : one.method === 'dhcp'
          ? 'DHCP'
          : one.method
    const others = whoNames(verb)
    return [
      `IPv4             ${side(verb.ipv4)}`,
      `IPv6             ${side(verb.ipv6)}`,
      `DNS servers      ${verb.dns.join(' ') || others}`,
      `Search domains   ${verb.searchDomains.join(' ') || others}`,
    ]
  })
}

function whoNames({ ipv4, ipv6 }: VerbOf<'network'>): string {
  if (ipv4.method === 'dhcp') return 'those that DHCP or the router names'
  return ipv6.method === 'automatic' ? 'those that the router of IPv6 names, if it does' : 'none'
}

/** What is likely to go wrong, though it can be done; undefined: nothing. */
export function networkWarning(verbs: readonly Verb[]): string | undefined {
  const network = verbs.find(verb => verb.verb === 'network')
  if (!network || network.dns.length > 0 || network.ipv4.method === 'dhcp') return undefined
  const lost = 'vCenter, AWS and time servers are not found by their names.'
  return network.ipv6.method === 'automatic'
    ? `NO DNS SERVER is given. Unless the router of IPv6 names one, ${lost}`
    : `NO DNS SERVER is given: ${lost}`
}

/** Without the dot at its end that DNS writes. */
const nameOf = ({ hostName = '' }: Values) => hostName.trim().replace(/\.$/, '')

function networkFlaw(values: Values, nameNow: string): FormFlaw | undefined {
  const flaw = (field: string, text: string) => ({ field, text })
  const kinds = [
    ['ipv4', 'IPv4', isIPv4, 32],
    ['ipv6', 'IPv6', isIPv6, 128],
  ] as const
  const name = nameOf(values)
  // What stays is not asked for.
  if (name !== nameNow && !isVerb({ verb: 'hostname', name }))
    return flaw(
      'hostName',
      `${hostnameFlaw(name) ?? 'A name has letters, digits, hyphens and dots, and at most 64 of them'}.`,
    )
  for (const [field, kind, isAddress, bits] of kinds) {
    if (values[field] !== 'static') continue
    const [address = '', prefix = ''] = (values[`${field}Address`] ?? '').trim().split('/')
    if (!isAddress(address)) return flaw(`${field}Address`, `This is no ${kind} address.`)
    if (!/^[0-9]{1,3}$/.test(prefix) || Number(prefix) < 1 || Number(prefix) > bits)
      return flaw(`${field}Address`, `After the address comes a slash and the length of the prefix, 1 to ${bits}.`)
    const gateway = (values[`${field}Gateway`] ?? '').trim()
    if (gateway !== '' && !isAddress(gateway)) return flaw(`${field}Gateway`, `This is no ${kind} address.`)
    if (gateway === address) return flaw(`${field}Gateway`, 'This is the address of the appliance itself.')
  }
  if (values.ipv4 === 'off' && values.ipv6 === 'off')
    return flaw('ipv6', 'One of IPv4 and IPv6 has to be on: nobody could reach the appliance.')
  const dns = wordsOf(values[dnsField(values)])
  const wrong = dns.find(server => !isIPv4(server) && !isIPv6(server))
  if (wrong !== undefined) return flaw(dnsField(values), `${wrong} is no address.`)
  if (dns.length > 4) return flaw(dnsField(values), 'There are at most 4 DNS servers.')
  const network = networkOf(values)
  for (const [field] of kinds) {
    const why = placeFlaw(network[field])
    if (why !== undefined) return flaw(`${field}Address`, `${why}.`)
  }
  return isVerb(network) ? undefined : flaw('searchDomains', 'Up to 6 domains with letters, digits, hyphens and dots.')
}

function networkOf(values: Values): VerbOf<'network'> {
  return {
    verb: 'network',
    ipv4: sideOf(values, 'ipv4', { method: values.ipv4 === 'off' ? 'off' : 'dhcp' }),
    ipv6: sideOf(values, 'ipv6', { method: values.ipv6 === 'off' ? 'off' : 'automatic' }),
    dns: wordsOf(values[dnsField(values)]),
    searchDomains: wordsOf(values.searchDomains),
  }
}

/** Whether the helper would take it: there is one idea of what is right. */
export function isVerb(value: unknown): boolean {
  try {
    parseVerb(Buffer.from(JSON.stringify(value)))
    return true
  } catch (thrown) {
    if (toApplianceError(thrown).code === 'INVALID_REQUEST') return false
    throw thrown
  }
}

function sideOf<T>(values: Values, name: 'ipv4' | 'ipv6', otherwise: T) {
  if (values[name] !== 'static') return otherwise
  const [address = '', prefix = ''] = (values[`${name}Address`] ?? '').trim().split('/')
  const gateway = (values[`${name}Gateway`] ?? '').trim()
  return {
    method: 'static' as const,
    address,
    prefixLength: Number(prefix),
    ...(gateway === '' ? {} : { gateway }),
  }
}

export function wordsOf(text = ''): string[] {
  return text.split(/[\s,;]+/).filter(word => word !== '')
}

function same(a: VerbOf<'network'>, b: VerbOf<'network'>): boolean {
  const key = (network: VerbOf<'network'>) => {
    const side = (one: Side) =>
      one.method === 'static' ? [one.address, one.prefixLength, one.gateway ?? ''] : [one.method]
    return JSON.stringify([side(network.ipv4), side(network.ipv6), network.dns, network.searchDomains])
  }
  return key(a) === key(b)
}
