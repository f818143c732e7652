// Which verbs are taken.
import t from 'tap'
import { hostnameFlaw, networkFlaw, parseVerb } from '../../appliance/machine/verbs.ts'
import { samplePublicKey, sampleVerbs, staticNetwork } from './sample-verbs.ts'

const parse = (value: unknown) => parseVerb(Buffer.from(JSON.stringify(value)))
const refused = { code: 'INVALID_REQUEST' }

t.test('every verb is taken as it is documented', async t => {
  for (const verb of sampleVerbs) t.same(parse(verb), verb)
})

t.test('a verb with a key more, or without one of its own, is refused', async t => {
  for (const verb of sampleVerbs) {
    t.throws(() => parse({ ...verb, more: 1 }), refused, `${verb.verb} with more`)
    t.throws(() => parseVerb(Buffer.from(JSON.stringify(verb).replace('{', '{"__proto__":{},'))), refused, verb.verb)
    const { verb: _name, ...rest } = verb
    t.throws(() => parse(rest), refused, `${verb.verb} without its name`)
  }
  for (const key of ['ipv4', 'ipv6', 'dns', 'searchDomains'])
    t.throws(() => parse({ ...staticNetwork, [key]: undefined }), refused, key)
})

t.test('values of a wrong form are refused, each of them', async t => {
  const ipv4 = (change: object) => ({ ...staticNetwork, ipv4: { ...staticNetwork.ipv4, ...change } })
  const hostile = [
    '',
    ' ',
    'a b',
    'a\nb',
    'a\0b',
    '../a',
    '/etc/passwd',
    '$(reboot)',
    '`reboot`',
    'a;b',
    'a"b',
    "a'b",
    'ä',
    'a\n[Match]',
  ]
  const values: unknown[] = [
    null,
    [],
    'restart',
    { verb: 'shell' },
    { verb: 'Restart', what: 'service' },
    { verb: 'restart', what: 'hoist.service' },
    { verb: 'reset' },
    { verb: 'reset', confirm: true },
    { verb: 'ssh', enabled: 'true' },
    { verb: 'ssh', enabled: 1 },
    // ADR 0006: none sets a key.
    { verb: 'sshKey', publicKey: samplePublicKey },
    { verb: 'ssh', enabled: true, publicKey: samplePublicKey },
    { verb: 'hostname', name: '-a' },
    { verb: 'hostname', name: 'a-' },
    { verb: 'hostname', name: 'a..b' },
    { verb: 'hostname', name: 'a.' },
    { verb: 'hostname', name: `${'a'.repeat(60)}.${'b'.repeat(10)}` },
    { verb: 'time', servers: Array(9).fill('a') },
    { verb: 'time', servers: ['300.1.1.1'] },
    { verb: 'time', servers: ['1:2'] },
    { verb: 'time', servers: ['a.'] },
    { verb: 'time', servers: ['.a'] },
    { verb: 'time', servers: ['ntp.1'] },
    { verb: 'upgrade', file: '.hidden' },
    { verb: 'upgrade', file: '..' },
    { verb: 'upgrade', file: 'a/b' },
    { verb: 'upgrade', file: 'a'.repeat(200) },
    { verb: 'proxy', url: 'ftp://a' },
    { verb: 'proxy', url: 'http://a:99999' },
    { verb: 'proxy', url: 'http://u:p@a' },
    { verb: 'proxy', url: 'http://a/path' },
    { verb: 'proxy', url: 'http://a?b' },
    { verb: 'proxy', username: 'a' },
    { verb: 'proxy', url: 'http://a', password: 'a' },
    { verb: 'proxy', url: 'http://a', username: '\ud800' },
    ipv4({ address: '300.0.0.1' }),
    ipv4({ address: '2001:db8::5' }),
    ipv4({ address: '192.0.2.5/24' }),
    ipv4({ gateway: 'fe80::1' }),
    ipv4({ gateway: '192.0.2.5' }),
    ipv4({ prefixLength: 33 }),
    ipv4({ prefixLength: 0 }),
    ipv4({ prefixLength: 24.5 }),
    ipv4({ prefixLength: '24' }),
    ipv4({ method: 'dhcp' }),
    { ...staticNetwork, ipv4: { method: 'off' }, ipv6: { method: 'off' } },
    { ...staticNetwork, dns: ['dns.example.com'] },
    { ...staticNetwork, dns: ['1.1.1'] },
    { ...staticNetwork, dns: Array(5).fill('192.0.2.1') },
    ...hostile.flatMap(text => [
      { verb: 'hostname', name: text },
      { verb: 'time', servers: [text] },
      { verb: 'upgrade', file: text },
      { verb: 'proxy', url: `http://${text}` },
      { verb: text },
      ipv4({ address: text }),
      ipv4({ gateway: text }),
      { ...staticNetwork, dns: [text] },
      { ...staticNetwork, searchDomains: [text] },
    ]),
  ]
  for (const value of values) t.throws(() => parse(value), refused, JSON.stringify(value))
})

t.test('a place that no machine can have, or be reached at, is refused for both kinds of address', async t => {
  const usual = { ipv4: { method: 'dhcp' }, ipv6: { method: 'automatic' }, dns: [], searchDomains: [] } as const
  const of4 = (ipv4: object) => ({ ...usual, ipv4: { method: 'static', prefixLength: 24, ...ipv4 } }) as never
  const of6 = (ipv6: object) => ({ ...usual, ipv6: { method: 'static', prefixLength: 64, ...ipv6 } }) as never
  const right = [
    of4({ address: '192.0.2.5', gateway: '192.0.2.1' }),
    of4({ address: '192.0.2.5' }),
    of6({ address: '2001:db8::5', gateway: '2001:db8::1' }),
    of6({ address: '2001:db8::5', gateway: 'fe80::1' }),
    of6({ address: '2001:db8::5' }),
    of6({ address: '2001:db8::ffff:0:1' }),
    // What is an edge in one network is none in another; the smallest have none: RFC 3021.
    of4({ address: '192.0.2.255', prefixLength: 23 }),
    of4({ address: '11.0.0.0', prefixLength: 7, gateway: '10.255.255.255' }),
    of4({ address: '192.0.2.5', prefixLength: 30, gateway: '192.0.2.6' }),
    of4({ address: '192.0.2.0', prefixLength: 31, gateway: '192.0.2.1' }),
    of4({ address: '192.0.2.255', prefixLength: 31, gateway: '192.0.2.254' }),
    of4({ address: '192.0.2.0', prefixLength: 32 }),
    of4({ address: '192.0.2.255', prefixLength: 32 }),
  ]
  for (const network of right) t.equal(networkFlaw(network), undefined, JSON.stringify(network))
  const wrong: [object, RegExp][] = [
    [of4({ address: '192.0.2.5', gateway: '198.51.100.1' }), /not in the network of 192\.0\.2\.5\/24/],
    [of6({ address: '2001:db8::5', gateway: '2001:db9::1' }), /not in the network/],
    ...['0.0.0.0', '0.1.2.3', '127.0.0.1', '224.0.0.1', '255.255.255.255'].map((address): [object, RegExp] => [
      of4({ address }),
      /can have/,
    ]),
    ...['::', '::1', 'ff02::1'].map((address): [object, RegExp] => [of6({ address }), /can have/]),
    [of4({ address: '192.0.2.255' }), /192\.0\.2\.255 is the broadcast address of its network, \/24/],
    [of4({ address: '192.0.2.0' }), /192\.0\.2\.0 is the address of its network, \/24/],
    [of4({ address: '192.0.2.7', prefixLength: 30 }), /broadcast/],
    [of4({ address: '192.0.2.4', prefixLength: 30 }), /of its network/],
    [of4({ address: '192.0.3.255', prefixLength: 23 }), /broadcast/],
    [of4({ address: '128.0.0.0', prefixLength: 1 }), /of its network/],
    [of4({ address: '192.0.2.5', gateway: '192.0.2.255' }), /gateway 192\.0\.2\.255 is the broadcast/],
    [of4({ address: '192.0.2.5', gateway: '192.0.2.0' }), /gateway 192\.0\.2\.0 is the address of its network/],
    [of4({ address: '126.0.0.1', prefixLength: 7, gateway: '127.0.0.1' }), /gateway 127\.0\.0\.1 .*can have/],
    ...['::ffff:192.0.2.5', '::ffff:c000:205', '::FFFF:127.0.0.1', '0:0:0:0:0:ffff:0:1'].map(
      (address): [object, RegExp] => [of6({ address }), /IPv4 address in the form of IPv6/],
    ),
    [of6({ address: '::fffe:0:1', prefixLength: 64, gateway: '::ffff:192.0.2.1' }), /gateway .*in the form of IPv6/],
  ]
  for (const [network, flaw] of wrong) {
    t.match(networkFlaw(network as never), flaw, JSON.stringify(network))
    t.throws(() => parse({ verb: 'network', ...network }), refused, JSON.stringify(network))
  }
})

t.test('a host name that stands for an address, or for every machine, is refused with the reason', async t => {
  const right = [
    'hoist',
    '10.example.com',
    'node-5',
    'a1',
    'localhosts',
    'my-localhost',
    'a.localhost.example.com',
    '5a',
  ]
  for (const name of right) {
    t.equal(hostnameFlaw(name), undefined, name)
    t.same(parse({ verb: 'hostname', name }), { verb: 'hostname', name })
  }
  const number = /ends in a number/
  const own = /every machine means itself/
  const wrong: [string, RegExp][] = [
    ['10.0.0.5', number],
    ['5', number],
    ['hoist.1', number],
    ['localhost', own],
    ['LocalHost', own],
    ['localhost.localdomain', own],
    ['localhost.example.com', own],
    ['hoist.localhost', own],
  ]
  for (const [name, flaw] of wrong)
    t.throws(() => parse({ verb: 'hostname', name }), { ...refused, message: flaw }, name)
})

t.test('what is no JSON, or no UTF-8, is refused', async t => {
  for (const text of [
    '',
    '{',
    '{}',
    '{"verb":"restart","what":"service"',
    '[[[['.repeat(4000),
    'NaN',
    '{"verb":"restart",}',
  ])
    t.throws(() => parseVerb(Buffer.from(text)), refused, text.slice(0, 40))
  t.throws(() => parseVerb(Buffer.from('{"verb":"hostname","name":"a\xff"}', 'latin1')), refused)
})
