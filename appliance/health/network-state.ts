// The network as this machine has it: name, addresses, gateway, DNS servers. Read, never changed.
import { readFile } from 'node:fs/promises'
import { hostname, networkInterfaces } from 'node:os'
import { ignoreMissing } from '../missing-file.ts'

export interface NetworkState {
  hostname: string
  interfaces: { name: string; mac?: string; addresses: string[] }[]
  gateway?: string
  dns: string[]
}

export interface NetworkFiles {
  /** Linux's IPv4 routes. */
  routes: string
  resolvConf: string
  /** Of systemd-resolved: whom its own server, the only one in resolvConf then, asks. */
  upstream: string
}

const files: NetworkFiles = {
  routes: '/proc/net/route',
  resolvConf: '/etc/resolv.conf',
  upstream: '/run/systemd/resolve/resolv.conf',
}
/** Source: systemd-resolved.service(8). */
const stub = '127.0.0.53'

export async function readNetworkState(from: NetworkFiles = files): Promise<NetworkState> {
  const gateway = gatewayOf(await textOf(from.routes))
  const interfaces = Object.entries(networkInterfaces()).flatMap(([name, entries = []]) => {
    const outside = entries.filter(({ internal }) => !internal)
    const mac = outside[0]?.mac
    const addresses = outside.map(({ cidr, address }) => cidr ?? address)
    return outside.length === 0 ? [] : [{ name, ...(mac === undefined ? {} : { mac }), addresses }]
  })
  return {
    hostname: hostname(),
    interfaces,
    ...(gateway === undefined ? {} : { gateway }),
    dns: await nameservers(from),
  }
}

/** The default route with the least metric. Addresses are hex in the machine's byte order. Source: route(8), proc(5). */
export function gatewayOf(routes: string): string | undefined {
  const defaults = routes
    .split('\n')
    .slice(1)
    .map(line => line.trim().split(/\s+/))
    .filter(fields => fields[1] === '00000000' && fields[2] !== undefined && fields[2] !== '00000000')
    .sort((a, b) => Number(a[6]) - Number(b[6]))
  const hex = defaults[0]?.[2]
  if (hex === undefined || !/^[0-9A-F]{8}$/i.test(hex)) return undefined
  // Little-endian on every machine that Node is built for here.
  return [...Buffer.from(hex, 'hex')].reverse().join('.')
}

async function nameservers({ resolvConf, upstream }: NetworkFiles): Promise<string[]> {
  const servers = nameserversOf(await textOf(resolvConf))
  return servers.join() === stub ? nameserversOf(await textOf(upstream)) : servers
}

/** Source: resolv.conf(5). */
export function nameserversOf(text: string): string[] {
  return text.split('\n').flatMap(line => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? [])
}

/** Other systems than Linux have no such files: then nothing is known. */
async function textOf(path: string): Promise<string> {
  return (await readFile(path, 'utf8').catch(ignoreMissing)) ?? ''
}
