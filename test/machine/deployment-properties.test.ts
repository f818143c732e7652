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
    [{ ipv6_mode: 'static', ipv6_address: '192.0.2.1/24' }, 'ipv6_address'],
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
  t.same(read({ hostname: 'a_b' }).findings, [{ about: 'hostname', text: 'It is no host name: the name is "hoist".' }])
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
