// What the properties of a deployment mean, and what holds instead of those that are wrong.
import t from 'tap'
import { readDeployment } from '../../appliance/machine/deployment-properties.ts'
import { parseVerb } from '../../appliance/machine/verbs.ts'
import { properties } from '../../ova/properties.ts'

const read = (given: Record<string, string>) =>
  readDeployment(new Map(Object.entries(given).map(([key, value]) => [key, [value]])))
const sshKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2ZFDcbvDG3pM3zp8nAgWUtGAmBqpFsYMWeyFsjPwFm anna'

t.test('what the OVA has by itself sets nothing, and every key of it is known', async t => {
  const untouched = Object.fromEntries(properties.map(({ key, fallback = '' }) => [key, fallback]))
  t.same(read(untouched), { verbs: [], deployment: {}, findings: [], unknown: [] })
  t.same(read({}), { verbs: [], deployment: {}, findings: [], unknown: [] })
})

t.test('everything at once becomes verbs that the root helper would take', async t => {
  const { verbs, deployment, findings, ...rest } = read({
    hostname: 'hoist.example.com',
    ipv4_mode: 'static',
    ipv4_address: '192.0.2.10/24',
    ipv4_gateway: '192.0.2.1',
    ipv6_mode: 'static',
    ipv6_address: '2001:db8::10/64',
    ipv6_gateway: 'fe80::1',
    dns: '192.0.2.53, 2001:db8::53',
    ntp: 'ntp.example.com 192.0.2.123',
    proxy: 'http://proxy.example.com:3128',
    ssh_key: sshKey,
    setup_code: ' correct horse battery! ',
  })
  t.same(findings, [])
  t.same(verbs, [
    {
      verb: 'network',
      ipv4: { method: 'static', address: '192.0.2.10', prefixLength: 24, gateway: '192.0.2.1' },
      ipv6: { method: 'static', address: '2001:db8::10', prefixLength: 64, gateway: 'fe80::1' },
      dns: ['192.0.2.53', '2001:db8::53'],
      searchDomains: [],
    },
    { verb: 'hostname', name: 'hoist.example.com' },
    { verb: 'time', servers: ['ntp.example.com', '192.0.2.123'] },
    { verb: 'proxy', url: 'http://proxy.example.com:3128' },
  ])
  for (const verb of verbs) t.same(parseVerb(Buffer.from(JSON.stringify(verb))), verb)
  t.same(deployment, { proxyUrl: 'http://proxy.example.com:3128', setupCode: 'correct horse battery!' })
  t.same(rest, { sshKey, unknown: [] })
})

t.test('each wrong value falls back alone, and is named without being quoted', async t => {
  const wrong: [given: Record<string, string>, about: string][] = [
    [{ hostname: 'CANARY_x' }, 'hostname'],
    [{ ipv4_mode: 'CANARY' }, 'ipv4_mode'],
    [{ ipv4_mode: 'static' }, 'ipv4_address'],
    [{ ipv4_mode: 'static', ipv4_address: 'CANARY' }, 'ipv4_address'],
    [{ ipv4_mode: 'static', ipv4_address: '192.0.2.1' }, 'ipv4_address'],
    [{ ipv4_mode: 'static', ipv4_address: '192.0.2.1/33' }, 'ipv4_address'],
    [{ ipv4_mode: 'static', ipv4_address: '192.0.2.1/24', ipv4_gateway: 'CANARY' }, 'ipv4_address'],
    [{ ipv4_mode: 'static', ipv4_address: '192.0.2.255/24' }, 'ipv4_address'],
    [{ ipv4_mode: 'dhcp', ipv4_address: 'CANARY' }, 'ipv4_address'],
    [{ ipv4_address: '192.0.2.1' }, 'ipv4_address'],
    [{ ipv4_mode: 'dhcp', ipv4_gateway: '192.0.2.1' }, 'ipv4_gateway'],
    [{ ipv6_gateway: 'CANARY' }, 'ipv6_gateway'],
    [{ ipv6_mode: 'static', ipv6_address: '192.0.2.1/24' }, 'ipv6_address'],
    [{ ipv6_mode: 'static', ipv6_address: '::ffff:192.0.2.1/96' }, 'ipv6_address'],
    [{ dns: 'dns.CANARY.example' }, 'dns'],
    [{ ntp: '!CANARY' }, 'ntp'],
    [{ proxy: 'http://anna:CANARY@proxy:1' }, 'proxy'],
    [{ ssh_key: 'ssh-rsa CANARY' }, 'ssh_key'],
    [{ setup_code: 'CANARY' }, 'setup_code'],
    [{ setup_code: `CANARY${'\u00e4'.repeat(12)}` }, 'setup_code'],
    [{ setup_code: 'CANARY'.repeat(11) }, 'setup_code'],
  ]
  for (const [given, about] of wrong) {
    const { verbs, deployment, findings, sshKey: key } = read(given)
    t.same([verbs, deployment, key], [[], {}, undefined], about)
    t.same(
      findings.map(finding => finding.about),
      [about],
      JSON.stringify(given),
    )
    t.notMatch(JSON.stringify(findings), /CANARY/)
  }
  const { verbs } = read({ ipv4_mode: 'static', ipv6_mode: 'off', dns: '192.0.2.53' })
  t.match(verbs, [{ ipv4: { method: 'dhcp' }, ipv6: { method: 'off' }, dns: ['192.0.2.53'] }], 'the rest holds')
})

t.test('a name that is too long is told as that, with what holds instead', async t => {
  const long = (length: number) => `${'n'.repeat(30)}.${'d'.repeat(length - 31)}`
  t.same(read({ hostname: long(64) }).findings, [])
  t.match(read({ hostname: long(64) }).verbs, [{ verb: 'hostname', name: long(64) }])
  const text = 'It has 65 characters, and at most 64 are possible: the name is "hoist".'
  t.same(read({ hostname: long(65) }).findings, [{ about: 'hostname', text }])
  const why: [name: string, flaw: RegExp][] = [
    ['a_b', /^It is no host name: /],
    ['.', /^It is no host name: /],
    ['a..', /^It is no host name: /],
    ['10.0.0.5', /ends in a number/],
    ['localhost', /every machine/],
  ]
  for (const [name, flaw] of why) {
    const { verbs, findings } = read({ hostname: name })
    t.same(verbs, [], name)
    t.match(findings, [{ about: 'hostname', text: flaw }], name)
    t.match(findings[0]?.text, /: the name is "hoist"\.$/)
  }
})

t.test('a name is taken with the dot at its end that DNS writes', async t => {
  for (const [given, name] of [
    ['hoist.example.com.', 'hoist.example.com'],
    [' hoist. ', 'hoist'],
  ] as const)
    t.match(read({ hostname: given }), { verbs: [{ verb: 'hostname', name }], findings: [] }, given)
})

const fixed4 = { method: 'static', address: '192.0.2.10', prefixLength: 24, gateway: '192.0.2.1' }
const fixed6 = { method: 'static', address: '2001:db8::10', prefixLength: 64 }

t.test('an address that was filled in is the one of the machine, though its mode was left as it was', async t => {
  const typed4 = { ipv4_address: '192.0.2.10/24', ipv4_gateway: '192.0.2.1', dns: '192.0.2.53' }
  const typed6 = { ipv6_address: '2001:db8::10/64' }
  const taken: [given: Record<string, string>, network: object][] = [
    [
      { ipv4_mode: 'dhcp', ...typed4 },
      { ipv4: fixed4, ipv6: { method: 'automatic' } },
    ],
    [typed4, { ipv4: fixed4, ipv6: { method: 'automatic' } }],
    [
      { ipv4_mode: 'static', ...typed4 },
      { ipv4: fixed4, ipv6: { method: 'automatic' } },
    ],
    [
      { ipv6_mode: 'auto', ...typed6 },
      { ipv4: { method: 'dhcp' }, ipv6: fixed6 },
    ],
    [
      { ipv4_mode: 'dhcp', ipv6_mode: 'auto', ...typed4, ...typed6 },
      { ipv4: fixed4, ipv6: fixed6 },
    ],
  ]
  for (const [given, network] of taken)
    t.match(read(given), { verbs: [{ verb: 'network', ...network }], findings: [] }, JSON.stringify(given))
  const off: [given: Record<string, string>, about: string, network: object][] = [
    [{ ipv4_mode: 'off', ...typed4 }, 'ipv4_address', { ipv4: { method: 'off' } }],
    [{ ipv4_mode: 'off', ipv4_gateway: '192.0.2.1' }, 'ipv4_gateway', { ipv4: { method: 'off' } }],
    [{ ipv6_mode: 'off', ...typed6 }, 'ipv6_address', { ipv6: { method: 'off' } }],
  ]
  for (const [given, about, network] of off)
    t.match(
      read(given),
      { verbs: [{ verb: 'network', ...network }], findings: [{ about, text: /not used: ipv[46]_mode is off/ }] },
      JSON.stringify(given),
    )
})

t.test('that nobody may name a DNS server is told, and what was set holds', async t => {
  const static4 = { ipv4_mode: 'static', ipv4_address: '192.0.2.10/24' }
  const static6 = { ipv6_mode: 'static', ipv6_address: '2001:db8::10/64' }
  const told: [given: Record<string, string>, text: RegExp | undefined][] = [
    [static4, /There is none: [^.]*unless the router of IPv6/],
    [{ ...static4, ipv6_mode: 'off' }, /There is none: nothing is found by its name\./],
    [{ ...static4, ...static6 }, /There is none: nothing is found by its name\./],
    [{ ...static4, dns: 'dns.example.com' }, /not one to four addresses: [^.]*unless the router of IPv6/],
    [{ ...static6, ipv4_mode: 'off' }, /There is none: nothing is found by its name\./],
    [{ ipv4_mode: 'off' }, undefined],
    [static6, undefined],
    [{ ...static4, dns: '192.0.2.53' }, undefined],
  ]
  for (const [given, text] of told) {
    const { verbs, findings } = read(given)
    t.match(findings, text === undefined ? [] : [{ about: 'dns', text }], JSON.stringify(given))
    t.equal(findings.length, text === undefined ? 0 : 1, JSON.stringify(given))
    t.match(verbs, [{ verb: 'network' }])
  }
})

t.test('a machine that nobody could reach is not made', async t => {
  const { verbs, findings } = read({ ipv4_mode: 'off', ipv6_mode: 'off' })
  t.same(verbs, [])
  t.equal(findings.length, 1)
  t.same(read({ ipv4_mode: 'off' }).findings, [])
})

t.test('a key that was given twice with different values has none; keys of others are told', async t => {
  const { verbs, findings, unknown } = readDeployment(
    new Map([
      ['hostname', ['a', 'b']],
      ['ntp', ['c', 'c ']],
      ['guestinfo.x', ['1']],
    ]),
  )
  t.same(verbs, [{ verb: 'time', servers: ['c'] }])
  t.match(findings, [{ about: 'hostname' }])
  t.same(unknown, ['guestinfo.x'])
})
