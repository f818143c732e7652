// What is set on the machine, read back out of the files that verbs write. Changes nothing, and tells no password.
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { Finding, readFindings } from './findings.ts'
import type { MachineFiles } from './machine-files.ts'
import { type KeyView, parsePublicKey } from './ssh-key.ts'
import type { VerbOf } from './verbs.ts'

type Network = Omit<VerbOf<'network'>, 'verb'>

/** A public key as people compare it. */
export const SshKeyView = Type.Object(
  {
    kind: Type.String(),
    bits: Type.Integer(),
    fingerprint: Type.String({ description: 'SHA-256, as ssh-keygen -l prints it' }),
    comment: Type.String(),
  },
  { additionalProperties: false },
)

const MachineState = Type.Object({
  network: Type.Unsafe<Network>(Type.Object({ ipv4: Type.Object({}), ipv6: Type.Object({}) })),
  /** False: nobody has set it, and the image's own file is in force, which says the same. */
  networkConfigured: Type.Boolean(),
  /** Absent: nobody has set one, and it is "hoist". */
  hostname: Type.Optional(Type.String()),
  /** None: the usual ones. */
  timeServers: Type.Array(Type.String()),
  /** The machine's own, for its updates. */
  proxy: Type.Optional(
    Type.Object({ url: Type.String(), username: Type.Optional(Type.String()), hasPassword: Type.Boolean() }),
  ),
  ssh: Type.Boolean(),
  /** Somebody's public key is there. */
  sshKey: Type.Boolean(),
  /** Those that are understood; a helper of an older release does not tell them. */
  sshKeys: Type.Optional(Type.Array(SshKeyView)),
  /** Security updates are installed by themselves. */
  updates: Type.Boolean(),
  findings: Type.Array(Finding),
})
export type MachineState = Static<typeof MachineState>

export function isMachineState(value: unknown): value is MachineState {
  return Value.Check(MachineState, value)
}

export async function readMachineState(files: MachineFiles): Promise<MachineState> {
  const [network, hostname, time, proxy, keys, updates] = await Promise.all(
    (['network', 'hostname', 'time', 'aptProxy', 'sshKeys', 'updates'] as const).map(file => files.read(file)),
  )
  const name = hostname?.trim()
  const machineProxy = proxyOf(proxy ?? '')
  return {
    network: networkOf(network ?? ''),
    networkConfigured: network !== undefined,
    ...(name ? { hostname: name } : {}),
    timeServers: wordsOf(valuesOf(time ?? '', 'NTP')),
    ...(machineProxy === undefined ? {} : { proxy: machineProxy }),
    ssh: await files.exists('sshRule'),
    sshKey: /^[^#\s]/m.test(keys ?? ''),
    sshKeys: sshKeysOf(keys ?? ''),
    // The image has them on.
    updates: !/Unattended-Upgrade "0"/.test(updates ?? ''),
    findings: await readFindings(files),
  }
}

/** The other way round than `networkFile`; what is not there is what the image has. */
function networkOf(text: string): Network {
  const [dhcp = 'ipv4'] = valuesOf(text, 'DHCP')
  const [linkLocal = 'ipv6'] = valuesOf(text, 'LinkLocalAddressing')
  const [routers = 'yes'] = valuesOf(text, 'IPv6AcceptRA')
  const of6 = (address: string) => address.includes(':')
  const addresses = valuesOf(text, 'Address')
  const gateways = valuesOf(text, 'Gateway')
  const side = (is: (address: string) => boolean) => {
    const [address, prefixLength] = addresses.find(is)?.split('/') ?? []
    if (address === undefined || prefixLength === undefined) return undefined
    const gateway = gateways.find(is)
    const found = { method: 'static' as const, address, prefixLength: Number(prefixLength) }
    return gateway === undefined ? found : { ...found, gateway }
  }
  return {
    ipv4: side(address => !of6(address)) ?? { method: dhcp === 'ipv4' ? 'dhcp' : 'off' },
    ipv6: side(of6) ?? { method: linkLocal === 'no' ? 'off' : routers === 'yes' ? 'automatic' : 'off' },
    dns: valuesOf(text, 'DNS'),
    searchDomains: wordsOf(valuesOf(text, 'Domains')),
  }
}

function proxyOf(text: string): MachineState['proxy'] {
  const written = /^Acquire::https::Proxy "(.+)";$/m.exec(text)?.[1]
  const url = written === undefined ? null : URL.parse(written)
  if (url === null) return undefined
  const { protocol, host, username, password } = url
  const user = username === '' ? {} : { username: decodeURIComponent(username) }
  return { url: `${protocol}//${host}`, ...user, hasPassword: password !== '' }
}

function sshKeysOf(text: string): KeyView[] {
  return text.split('\n').flatMap(line => parsePublicKey(line)?.view ?? [])
}

function valuesOf(text: string, key: string): string[] {
  return text.split('\n').flatMap(line => (line.startsWith(`${key}=`) ? [line.slice(key.length + 1)] : []))
}

function wordsOf(lines: readonly string[]): string[] {
  return lines.flatMap(line => line.split(' ')).filter(word => word !== '')
}
