// From the properties of a deployment to what they mean: verbs, a public key, and what the service is told. Pure.
import { toApplianceError } from '../errors.ts'
import type { Finding } from './findings.ts'
import type { Settings } from './perform.ts'
import { parsePublicKey } from './ssh-key.ts'
import { hostnameFlaw, parseVerb, type Verb, type VerbOf } from './verbs.ts'

/** In what the service takes over at its first start. */
export interface Deployment {
  setupCode?: string
  proxyUrl?: string
}

export interface DeploymentProperties {
  verbs: Settings[]
  /** A line of authorized_keys. */
  sshKey?: string
  deployment: Deployment
  /** What was not taken, and what holds instead. */
  findings: Finding[]
  /** Keys that are none of ours. */
  unknown: string[]
}

const known = [
  'hostname',
  'ipv4_mode',
  'ipv4_address',
  'ipv4_gateway',
  'ipv6_mode',
  'ipv6_address',
  'ipv6_gateway',
  'dns',
  'ntp',
  'proxy',
  'ssh_key',
  'setup_code',
] as const
type Key = (typeof known)[number]

type Network = VerbOf<'network'>

/** Every value passes what the root helper asks of its verbs. What does not is left out, with a finding that has no value in it. */
export function readDeployment(environment: ReadonlyMap<string, readonly string[]>): DeploymentProperties {
  const findings: Finding[] = []
  const find = (about: Key, text: string) => findings.push({ about, text })
  const values = new Map<Key, string>()
  for (const key of known) {
    const [text = '', ...others] = new Set((environment.get(key) ?? []).map(given => given.trim()))
    if (others.length > 0) find(key, 'It was given twice, with different values: none of them was taken.')
    else if (text !== '') values.set(key, text)
  }
  const value = (key: Key) => values.get(key)
  const verbs: Settings[] = []
  const deployment: Deployment = {}

  const network = networkOf(value, find)
  if (network) verbs.push(network)

  // As names are copied out of DNS.
  const name = value('hostname')?.replace(/\.$/, '')
  const hostname = name === undefined ? undefined : valid({ verb: 'hostname', name })
  if (hostname) verbs.push(hostname)
  else if (name !== undefined) {
    const flaw =
      name.length > 64
        ? `It has ${name.length} characters, and at most 64 are possible`
        : (hostnameFlaw(name) ?? 'It is no host name')
    find('hostname', `${flaw}: the name is "hoist".`)
  }

  const servers = wordsOf(value('ntp'))
  const time = servers.length === 0 ? undefined : valid({ verb: 'time', servers })
  if (time) verbs.push(time)
  else if (servers.length > 0) find('ntp', 'They are not one to eight names or addresses: the usual time servers hold.')

  const url = value('proxy')
  const proxy = url === undefined ? undefined : valid({ verb: 'proxy', url })
  if (proxy) {
    verbs.push(proxy)
    deployment.proxyUrl = proxy.url ?? ''
  } else if (url !== undefined)
    find('proxy', 'It is no URL like http://proxy.example.com:3128, without user name and password: no proxy is used.')

  const line = value('ssh_key')
  const sshKey = line === undefined ? undefined : parsePublicKey(line)?.line
  if (line !== undefined && sshKey === undefined)
    find(
      'ssh_key',
      'It is not one public key in the form of authorized_keys, without options: nobody can sign in by SSH.',
    )

  const code = value('setup_code')
  if (code !== undefined && /^[\x20-\x7e]{12,64}$/.test(code)) deployment.setupCode = code
  else if (code !== undefined)
    find(
      'setup_code',
      'It does not have 12 to 64 printable characters: the machine has made its own, which the console shows.',
    )

  const unknown = [...environment.keys()].filter(key => !known.some(own => own === key))
  return { verbs, ...(sshKey === undefined ? {} : { sshKey }), deployment, findings, unknown }
}

const usual: Network = {
  verb: 'network',
  ipv4: { method: 'dhcp' },
  ipv6: { method: 'automatic' },
  dns: [],
  searchDomains: [],
}

/** Undefined when it is what the image does by itself. Each part that cannot be used falls back alone. */
function networkOf(
  value: (key: Key) => string | undefined,
  find: (about: Key, text: string) => void,
): Network | undefined {
  const ipv4 = sideOf('ipv4', value)
  const ipv6 = sideOf('ipv6', value)
  const dns = wordsOf(value('dns'))
  findUnused('ipv4', value, find)
  findUnused('ipv6', value, find)
  const network = { ...usual }
  const own = <T extends 'ipv4' | 'ipv6' | 'dns'>(part: T, given: unknown): Network[T] | undefined => {
    // Beside what is always right: a side alone may be off.
    return valid({ ...usual, [part]: given })?.[part]
  }
  const four = ipv4 === undefined ? usual.ipv4 : own('ipv4', ipv4)
  if (four) network.ipv4 = four
  else find(flawIn('ipv4', value), 'IPv4 cannot be set up as it was given: it uses DHCP.')
  const six = ipv6 === undefined ? usual.ipv6 : own('ipv6', ipv6)
  if (six) network.ipv6 = six
  else find(flawIn('ipv6', value), 'IPv6 cannot be set up as it was given: it is set up by what the router says.')
  const servers = own('dns', dns)
  if (servers) network.dns = servers
  if (network.ipv4.method === 'off' && network.ipv6.method === 'off') {
    find('ipv6_mode', 'With IPv4 and IPv6 off nobody could reach the appliance: both are on, by DHCP and router.')
    network.ipv4 = usual.ipv4
    network.ipv6 = usual.ipv6
  }
  const doubt = dnsDoubt(network)
  if (!servers)
    find('dns', `They are not one to four addresses: ${doubt ?? 'the DNS servers of DHCP or the router hold.'}`)
  else if (doubt !== undefined) find('dns', `There is none: ${doubt}`)
  const same = JSON.stringify(network) === JSON.stringify(usual)
  return same ? undefined : network
}

/** Without names there is no vCenter, no AWS and no time; undefined when they are likely to be found. */
function dnsDoubt({ ipv4, ipv6, dns }: Network): string | undefined {
  if (dns.length > 0 || ipv4.method === 'dhcp') return undefined
  if (ipv6.method !== 'automatic')
    return 'nothing is found by its name. Enter DNS servers on the console or on the page.'
  // Who wants IPv6 alone has a router that says all.
  return ipv4.method === 'off'
    ? undefined
    : 'nothing is found by its name, unless the router of IPv6 names a DNS server. Enter one on the console or on the page.'
}

/** What the wizard shows as chosen before anybody has chosen: who types an address below it wants the address. */
const untouched = { ipv4: 'dhcp', ipv6: 'auto' } as const

function modeOf(side: 'ipv4' | 'ipv6', value: (key: Key) => string | undefined): string | undefined {
  const mode = value(`${side}_mode`)
  const isUntouched = mode === undefined || mode === untouched[side]
  return isUntouched && value(`${side}_address`) !== undefined ? 'static' : mode
}

/** What was typed for a fixed address, and is not used as there is none: it is told, never dropped in silence. */
function findUnused(
  side: 'ipv4' | 'ipv6',
  value: (key: Key) => string | undefined,
  find: (about: Key, text: string) => void,
): void {
  const mode = modeOf(side, value)
  const kind = side === 'ipv4' ? 'IPv4' : 'IPv6'
  const keys = [`${side}_address`, `${side}_gateway`] as const
  const given = keys.find(key => value(key) !== undefined)
  if (given === undefined) return
  if (mode === 'off') find(given, `It is not used: ${side}_mode is off.`)
  else if (mode === undefined || mode === untouched[side])
    find(given, `It is not used: there is no ${kind} address that it belongs to.`)
}

/** In the form of the verb, right or wrong; undefined when nothing was said. */
function sideOf(side: 'ipv4' | 'ipv6', value: (key: Key) => string | undefined): object | undefined {
  const mode = modeOf(side, value)
  const gateway = value(`${side}_gateway`)
  if (mode === undefined) return undefined
  if (mode !== 'static') return { method: mode === 'auto' ? 'automatic' : mode }
  const [, address, digits] = /^([^/]+)\/([0-9]{1,3})$/.exec(value(`${side}_address`) ?? '') ?? []
  return { method: 'static', address, prefixLength: Number(digits), ...(gateway === undefined ? {} : { gateway }) }
}

/** Which of the three is likely to be looked at. */
function flawIn(side: 'ipv4' | 'ipv6', value: (key: Key) => string | undefined): Key {
  return modeOf(side, value) === 'static' ? `${side}_address` : `${side}_mode`
}

/** As a line to the root helper would be taken. */
function valid<T extends Verb['verb']>(verb: { verb: T; [field: string]: unknown }): VerbOf<T> | undefined {
  try {
    // It has the name that it was asked with.
    return parseVerb(Buffer.from(JSON.stringify(verb))) as VerbOf<T>
  } catch (thrown) {
    if (toApplianceError(thrown).code === 'INVALID_REQUEST') return undefined
    throw thrown
  }
}

function wordsOf(text: string | undefined): string[] {
  return (text ?? '').split(/[\s,]+/).filter(word => word !== '')
}
