// What stands in the files.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { aptProxyFile, hostsFile, networkFile, sshRuleFile, timeFile } from '../../appliance/machine/file-contents.ts'
import { staticNetwork } from './sample-verbs.ts'

const fromTheNetwork = [
  '[DHCPv4]',
  'ClientIdentifier=mac',
  'UseDNS=yes',
  'UseDomains=yes',
  'UseHostname=no',
  '[DHCPv6]',
  'UseDNS=yes',
  'UseDomains=yes',
  'UseHostname=no',
  '[IPv6AcceptRA]',
  'UseDNS=yes',
  'UseDomains=yes',
]
/** `[Section] key=value` of each. */
function sections(text: string): string[] {
  let section = ''
  return lines(text).flatMap(line => {
    if (!line.startsWith('[')) return [`${section} ${line}`]
    section = line
    return []
  })
}
const lines = (text: string) => text.split('\n').filter(line => line !== '' && !line.startsWith('#'))

t.test('a static network', async t => {
  t.same(lines(networkFile(staticNetwork)), [
    '[Match]',
    'Type=ether',
    '[Network]',
    'DHCP=no',
    'LinkLocalAddressing=ipv6',
    'IPv6AcceptRA=no',
    'Address=192.0.2.5/24',
    'Gateway=192.0.2.1',
    'Address=2001:db8::5/64',
    'Gateway=fe80::1',
    'DNS=192.0.2.53',
    'DNS=2001:db8::53',
    'Domains=example.com corp.example.com',
    '[DHCPv4]',
    'ClientIdentifier=mac',
    'UseDNS=no',
    'UseDomains=no',
    'UseHostname=no',
    '[DHCPv6]',
    'UseDNS=no',
    'UseDomains=no',
    'UseHostname=no',
    '[IPv6AcceptRA]',
    'UseDNS=no',
    'UseDomains=no',
  ])
})

t.test('a network that configures itself, and one without IPv6', async t => {
  const none = { verb: 'network', dns: [], searchDomains: [] } as const
  const automatic = networkFile({
    ...none,
    dns: [],
    searchDomains: [],
    ipv4: { method: 'dhcp' },
    ipv6: { method: 'automatic' },
  })
  t.same(lines(automatic), [
    '[Match]',
    'Type=ether',
    '[Network]',
    'DHCP=ipv4',
    'LinkLocalAddressing=ipv6',
    'IPv6AcceptRA=yes',
    ...fromTheNetwork,
  ])
  const without = networkFile({
    ...none,
    dns: [],
    searchDomains: [],
    ipv4: { method: 'dhcp' },
    ipv6: { method: 'off' },
  })
  t.same(lines(without), [
    '[Match]',
    'Type=ether',
    '[Network]',
    'DHCP=ipv4',
    'LinkLocalAddressing=no',
    'IPv6AcceptRA=no',
    ...fromTheNetwork,
  ])
})

t.test('what DHCP is told and asked is the same before and after somebody has changed the network', async t => {
  const image = readFileSync(
    join(import.meta.dirname, '../../packer/rootfs/etc/systemd/network/80-dhcp.network'),
    'utf8',
  )
  const automatic = networkFile({
    verb: 'network',
    ipv4: { method: 'dhcp' },
    ipv6: { method: 'automatic' },
    dns: [],
    searchDomains: [],
  })
  const byDefault = ['UseDNS=yes']
  const settings = (text: string) =>
    sections(text)
      .filter(line => !byDefault.some(one => line.endsWith(one)))
      .sort()
  t.same(settings(automatic), settings(image))
})

t.test('time, hosts, the rule of the firewall', async t => {
  t.same(lines(timeFile(['a.example', '192.0.2.1'])), ['[Time]', 'NTP=a.example 192.0.2.1'])
  t.match(hostsFile('hoist.example.com'), /^127\.0\.1\.1 hoist\.example\.com hoist$/m)
  t.match(hostsFile('hoist'), /^127\.0\.1\.1 hoist$/m)
  t.same(lines(sshRuleFile()), ['tcp dport 22 accept'])
})

t.test('credentials of the proxy cannot leave their quotes', async t => {
  t.equal(
    aptProxyFile('http://p.example:3128/', undefined, undefined).split('\n')[0],
    'Acquire::http::Proxy "http://p.example:3128/";',
  )
  const text = aptProxyFile('http://p.example:3128', 'a@b', '"; Dir "/x\n#:/')
  t.same(lines(text).length, 2)
  for (const line of lines(text)) {
    const url = /^Acquire::https?::Proxy "([^"\s]+)";$/.exec(line)?.[1] ?? ''
    t.equal(decodeURIComponent(new URL(url).password), '"; Dir "/x\n#:/')
    t.equal(decodeURIComponent(new URL(url).username), 'a@b')
    t.equal(new URL(url).host, 'p.example:3128')
  }
})
