// What stands in the files.
import t from 'tap'
import { aptProxyFile, hostsFile, networkFile, sshRuleFile, timeFile } from '../../appliance/machine/file-contents.ts'
import { staticNetwork } from './sample-verbs.ts'

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
    'UseDNS=no',
    '[IPv6AcceptRA]',
    'UseDNS=no',
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
  ])
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
