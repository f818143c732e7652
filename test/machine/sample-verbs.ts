// One of each kind of verb, as it is right.
import type { Verb, VerbOf } from '../../appliance/machine/verbs.ts'

export const staticNetwork: VerbOf<'network'> = {
  verb: 'network',
  ipv4: { method: 'static', address: '192.0.2.5', prefixLength: 24, gateway: '192.0.2.1' },
  ipv6: { method: 'static', address: '2001:db8::5', prefixLength: 64, gateway: 'fe80::1' },
  dns: ['192.0.2.53', '2001:db8::53'],
  searchDomains: ['example.com', 'corp.example.com'],
}

/** Of ssh-keygen; its private half was thrown away. */
export const samplePublicKey =
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE/jFtjxB9eEzf1x+LeJEEy6xer0peLRf5xR63Y5Efdf anna@desk'

export const sampleVerbs: readonly Verb[] = [
  staticNetwork,
  { verb: 'network', ipv4: { method: 'dhcp' }, ipv6: { method: 'automatic' }, dns: [], searchDomains: [] },
  { verb: 'network', ipv4: { method: 'off' }, ipv6: { method: 'automatic' }, dns: ['::1'], searchDomains: [] },
  { verb: 'network', ipv4: { method: 'dhcp' }, ipv6: { method: 'off' }, dns: [], searchDomains: ['a'] },
  { verb: 'time', servers: ['ntp.example.com', '192.0.2.123', '2001:db8::123'] },
  { verb: 'time', servers: [] },
  { verb: 'hostname', name: 'hoist-1.example.com' },
  { verb: 'hostname', name: 'hoist' },
  { verb: 'ssh', enabled: true },
  { verb: 'ssh', enabled: false },
  { verb: 'proxy' },
  { verb: 'proxy', url: 'http://proxy.example.com:3128' },
  { verb: 'proxy', url: 'https://[2001:db8::1]:8080/', username: 'anna', password: 'a "b"\n;c' },
  { verb: 'updates', enabled: true },
  { verb: 'updates', enabled: false },
  { verb: 'state' },
  { verb: 'upgrade', file: 'hoist-1.1.0.tar' },
  { verb: 'restart', what: 'service' },
  { verb: 'restart', what: 'machine' },
  { verb: 'reset', confirm: 'erase everything' },
]
