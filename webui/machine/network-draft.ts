// The network as a form has it: from what is configured, to what the API takes, with what is wrong in between. Pure.
import type { MachineNetwork } from '../contract.ts'
import { m } from '../locale/en-machine.ts'
import { inOneNetwork, isIpv4, isIpv6, isLinkLocal, isNobodys, prefixLengthOf, sameAddress } from './addresses.ts'

export interface SideDraft<Method extends string = string> {
  method: Method
  address: string
  prefixLength: string
  gateway: string
}

export interface NetworkDraft {
  ipv4: SideDraft<MachineNetwork['ipv4']['method']>
  ipv6: SideDraft<MachineNetwork['ipv6']['method']>
  dns: string
  searchDomains: string
}

export interface SideErrors {
  method?: string | undefined
  address?: string | undefined
  prefixLength?: string | undefined
  gateway?: string | undefined
}

export interface NetworkErrors {
  ipv4: SideErrors
  ipv6: SideErrors
  dns?: string | undefined
  searchDomains?: string | undefined
}

const words = m.network
const maxDns = 4
const maxDomains = 6
const domain = /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$/

/** What stands between commas, blanks or line ends. */
export const listOf = (text: string): string[] => text.split(/[\s,;]+/).filter(Boolean)

export const isName = (text: string, maxLength = 253): boolean => domain.test(text) && text.length <= maxLength

export function networkDraft({ ipv4, ipv6, dns, searchDomains }: MachineNetwork): NetworkDraft {
  return { ipv4: sideDraft(ipv4), ipv6: sideDraft(ipv6), dns: dns.join(', '), searchDomains: searchDomains.join(', ') }
}

type Side = MachineNetwork['ipv4'] | MachineNetwork['ipv6']

function sideDraft<Given extends Side>(side: Given): SideDraft<Given['method']> {
  if (side.method !== 'static') return { method: side.method, address: '', prefixLength: '', gateway: '' }
  const { address, prefixLength, gateway = '' } = side
  return { method: side.method, address, prefixLength: String(prefixLength), gateway }
}

export function networkErrors(draft: NetworkDraft): NetworkErrors {
  const dns = listOf(draft.dns)
  const domains = listOf(draft.searchDomains)
  const neither = draft.ipv4.method === 'off' && draft.ipv6.method === 'off'
  return {
    ipv4: sideErrors(draft.ipv4, 32, isIpv4),
    ipv6: { ...sideErrors(draft.ipv6, 128, isIpv6), ...(neither ? { method: words.neither } : {}) },
    dns: !dns.every(server => isIpv4(server) || isIpv6(server))
      ? words.dnsWrong
      : dns.length > maxDns
        ? words.tooMany(maxDns)
        : undefined,
    searchDomains: !domains.every(name => isName(name))
      ? words.domainsWrong
      : domains.length > maxDomains
        ? words.tooMany(maxDomains)
        : undefined,
  }
}

function sideErrors(side: SideDraft, bits: 32 | 128, isAddress: (text: string) => boolean): SideErrors {
  if (side.method !== 'static') return {}
  const address = side.address.trim()
  const gateway = side.gateway.trim()
  const prefixLength = prefixLengthOf(side.prefixLength, bits)
  const valid = isAddress(address)
  return {
    address: !valid ? words.addressWrong[bits] : unusableError(address, prefixLength),
    prefixLength: prefixLength === undefined ? words.prefixWrong[bits] : undefined,
    gateway:
      gateway === ''
        ? undefined
        : !isAddress(gateway)
          ? words.addressWrong[bits]
          : valid && prefixLength !== undefined
            ? gatewayError(address, gateway, prefixLength)
            : undefined,
  }
}

function gatewayError(address: string, gateway: string, prefixLength: number): string | undefined {
  if (sameAddress(address, gateway)) return words.gatewaySelf
  if (isLinkLocal(gateway)) return undefined
  return inOneNetwork(address, gateway, prefixLength) ? unusableError(gateway, prefixLength) : words.gatewayOutside
}

/** Of a network whose size is not known yet only what no network has. */
function unusableError(address: string, prefixLength = 32): string | undefined {
  if (isNobodys(address)) return words.addressNobodys
  if (address.includes(':')) return inOneNetwork(address, '::ffff:0:0', 96) ? words.addressMapped : undefined
  return isEdge(address, prefixLength) ? words.addressEdge : undefined
}

/** The network itself, or its broadcast. A link of two, and a machine alone, have no addresses to spare: RFC 3021. */
function isEdge(address: string, prefixLength: number): boolean {
  if (prefixLength > 30) return false
  const size = 2 ** (32 - prefixLength)
  const place = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) % size
  return place === 0 || place === size - 1
}

export const noErrors: NetworkErrors = { ipv4: {}, ipv6: {} }

export function hasNetworkErrors({ ipv4, ipv6, dns, searchDomains }: NetworkErrors): boolean {
  return [...Object.values(ipv4), ...Object.values(ipv6), dns, searchDomains].some(error => error !== undefined)
}

/** What the API takes, of a draft without errors. */
export function networkOf(draft: NetworkDraft): MachineNetwork {
  const { ipv4, ipv6 } = draft
  return {
    ipv4: ipv4.method === 'static' ? staticSide(ipv4, 32) : { method: ipv4.method },
    ipv6: ipv6.method === 'static' ? staticSide(ipv6, 128) : { method: ipv6.method },
    dns: listOf(draft.dns),
    searchDomains: listOf(draft.searchDomains),
  }
}

function staticSide({ address, prefixLength, gateway }: SideDraft, bits: 32 | 128) {
  return {
    method: 'static' as const,
    address: address.trim(),
    prefixLength: prefixLengthOf(prefixLength, bits) ?? bits,
    ...(gateway.trim() === '' ? {} : { gateway: gateway.trim() }),
  }
}

export const sameNetwork = (one: MachineNetwork, other: MachineNetwork): boolean =>
  JSON.stringify(networkOf(networkDraft(one))) === JSON.stringify(networkOf(networkDraft(other)))

/** Whether addresses change: then the page may lose the appliance. */
export const mayCut = (before: MachineNetwork, after: MachineNetwork): boolean =>
  !sameNetwork({ ...before, dns: [], searchDomains: [] }, { ...after, dns: [], searchDomains: [] })

/**
 * Who names a DNS server when neither the administrator nor DHCP does: nobody, or the router of IPv6 perhaps. Without one,
 * AWS and vCenter are found by their addresses at most.
 */
export function dnsDoubt({ ipv4, ipv6, dns }: MachineNetwork): 'nobody' | 'router' | undefined {
  if (dns.length > 0 || ipv4.method === 'dhcp') return undefined
  return ipv6.method === 'automatic' ? 'router' : 'nobody'
}

/** Where the page will be found, if it is not where it is: undefined where it stays, and where nobody knows yet. */
export function nextAddress(
  { ipv4, ipv6 }: MachineNetwork,
  at: Pick<Location, 'hostname' | 'port' | 'protocol'>,
): string | undefined {
  const here = at.hostname.replace(/^\[|\]$/g, '')
  const fixed = [ipv4, ipv6].flatMap(side => (side.method === 'static' ? [side.address] : []))
  if (fixed.some(address => sameAddress(address, here))) return undefined
  const next = fixed.find(address => address.includes(':') === here.includes(':')) ?? fixed[0]
  if (next === undefined) return undefined
  const host = next.includes(':') ? `[${next}]` : next
  return `${at.protocol}//${host}${at.port === '' ? '' : `:${at.port}`}/`
}
