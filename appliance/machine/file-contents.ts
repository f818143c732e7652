// What stands in the files that verbs write. Source: systemd.network(5), timesyncd.conf(5), hosts(5), apt.conf(5), nft(8).
import type { VerbOf } from './verbs.ts'

const written = '# Written by the appliance: changed in its settings or on its console.'

/** As reservations of DHCP servers are made. By the machine's id, one that is deployed anew would get another address. */
const byTheCard = ['ClientIdentifier=mac']
/** systemd-networkd could not set it: hostnamed lets only root do that where there is no polkit, and refuses each lease's name. */
const ownName = ['UseHostname=no']

export function networkFile({ ipv4, ipv6, dns, searchDomains }: VerbOf<'network'>): string {
  const lines = [
    written,
    '[Match]',
    'Type=ether',
    '',
    '[Network]',
    `DHCP=${ipv4.method === 'dhcp' ? 'ipv4' : 'no'}`,
    `LinkLocalAddressing=${ipv6.method === 'off' ? 'no' : 'ipv6'}`,
    `IPv6AcceptRA=${ipv6.method === 'automatic' ? 'yes' : 'no'}`,
  ]
  for (const side of [ipv4, ipv6]) {
    if (side.method !== 'static') continue
    lines.push(`Address=${side.address}/${side.prefixLength}`)
    if (side.gateway !== undefined) lines.push(`Gateway=${side.gateway}`)
  }
  for (const server of dns) lines.push(`DNS=${server}`)
  if (searchDomains.length > 0) lines.push(`Domains=${searchDomains.join(' ')}`)
  // Those that an administrator has named are not mixed with those of the network.
  const taken = [`UseDNS=${dns.length > 0 ? 'no' : 'yes'}`, `UseDomains=${searchDomains.length > 0 ? 'no' : 'yes'}`]
  lines.push('', '[DHCPv4]', ...byTheCard, ...taken, ...ownName)
  lines.push('', '[DHCPv6]', ...taken, ...ownName)
  lines.push('', '[IPv6AcceptRA]', ...taken)
  return `${lines.join('\n')}\n`
}

export function timeFile(servers: readonly string[]): string {
  return `${written}\n[Time]\nNTP=${servers.join(' ')}\n`
}

export function hostsFile(name: string): string {
  const short = name.split('.')[0]
  const names = short === name ? name : `${name} ${short}`
  return `${written}\n127.0.0.1 localhost\n127.0.1.1 ${names}\n::1 localhost ip6-localhost ip6-loopback\n`
}

export function sshRuleFile(): string {
  return `${written}\ntcp dport 22 accept\n`
}

export function aptProxyFile(url: string, username: string | undefined, password: string | undefined): string {
  const proxy = new URL(url)
  if (username !== undefined) {
    const encoded = [username, ...(password === undefined ? [] : [password])].map(encodeURIComponent).join(':')
    return aptLines(`${proxy.protocol}//${encoded}@${proxy.host}/`)
  }
  return aptLines(`${proxy.protocol}//${proxy.host}/`)
}

/** The day's run of apt's timers: lists, then what unattended-upgrades may install. Source: apt.systemd.daily. */
export function updatesFile(enabled: boolean): string {
  const often = enabled ? 1 : 0
  return `${written}\nAPT::Periodic::Update-Package-Lists "${often}";\nAPT::Periodic::Unattended-Upgrade "${often}";\n`
}

function aptLines(proxy: string): string {
  return `Acquire::http::Proxy "${proxy}";\nAcquire::https::Proxy "${proxy}";\n`
}
