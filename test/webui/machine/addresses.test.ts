// Addresses in forms, against Node's own idea of them.
import { BlockList, isIPv4, isIPv6 } from 'node:net'
import t from 'tap'
import {
  inOneNetwork,
  isIpv4,
  isIpv6,
  isLinkLocal,
  isNobodys,
  prefixLengthOf,
  sameAddress,
} from '../../../webui/machine/addresses.ts'

const texts = [
  ...[
    '192.0.2.1',
    '0.0.0.0',
    '255.255.255.255',
    '256.1.1.1',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    ' 1.2.3.4',
    '1.2.3.4/24',
  ],
  ...['::', '::1', '2001:db8::5', '2001:DB8:0:0:0:0:0:5', 'fe80::1', '::ffff:192.0.2.1', '64:ff9b::192.0.2.33'],
  ...['2001:db8:::1', '1::2::3', ':1', '1:', '1:2:3:4:5:6:7:8:9', '12345::', 'g::', 'fe80::1%eth0', '[::1]', '', 'x'],
]

t.test('what is an address is what Node takes for one', async t => {
  for (const text of texts) {
    t.equal(isIpv4(text), isIPv4(text), text)
    t.equal(isIpv6(text), isIPv6(text) && !text.includes('%'), text)
  }
})

t.test('whether two are in one network is what Node says, for random ones', async t => {
  let seed = 5
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed % below
  }
  for (let round = 0; round < 400; round++) {
    const v6 = round % 2 === 1
    const draw = () =>
      v6
        ? Array.from({ length: 8 }, (_, at) => (at < 6 ? random(2) : random(65_536)).toString(16)).join(':')
        : [10, random(2), random(256), random(256)].join('.')
    const [one, other] = [draw(), draw()]
    const prefixLength = 1 + random(v6 ? 128 : 32)
    const network = new BlockList()
    network.addSubnet(one, prefixLength, v6 ? 'ipv6' : 'ipv4')
    const wanted = network.check(other, v6 ? 'ipv6' : 'ipv4')
    t.equal(inOneNetwork(one, other, prefixLength), wanted, `seed 5, ${one}/${prefixLength} ${other}`)
  }
})

t.test('the same address in other letters is the same', async t => {
  t.ok(sameAddress('2001:db8::5', '2001:DB8:0:0::5'))
  t.ok(sameAddress('::ffff:192.0.2.1', '::ffff:c000:201'))
  t.ok(sameAddress('192.0.2.1', '192.0.2.1'))
  for (const [one, other] of [
    ['192.0.2.1', '192.0.2.2'],
    ['192.0.2.1', '::ffff:192.0.2.1'],
    ['hoist.example.com', 'hoist.example.com'],
  ] as const)
    t.notOk(sameAddress(one, other), `${one} ${other}`)
})

t.test('a network size is a number, with a slash or without, or a netmask', async t => {
  for (const [text, size] of [
    ['24', 24],
    ['/24', 24],
    [' 8 ', 8],
    ['255.255.255.0', 24],
    ['255.255.240.0', 20],
    ['255.255.255.255', 32],
    ['255.0.255.0', undefined],
    ['0.0.0.0', undefined],
    ['0', undefined],
    ['33', undefined],
    ['', undefined],
    ['x', undefined],
  ] as const)
    t.equal(prefixLengthOf(text, 32), size, text)
  t.equal(prefixLengthOf('64', 128), 64)
  t.equal(prefixLengthOf('255.255.255.0', 128), undefined)
  t.equal(prefixLengthOf('129', 128), undefined)
})

t.test('link-local routers, and addresses that no machine has, are known', async t => {
  for (const address of ['fe80::1', 'febf::1']) t.ok(isLinkLocal(address))
  for (const address of ['fec0::1', '169.254.1.1', '2001:db8::1']) t.notOk(isLinkLocal(address))
  for (const address of ['0.0.0.1', '127.0.0.1', '224.0.0.1', '255.255.255.255', '::', '::1', 'ff02::1'])
    t.ok(isNobodys(address), address)
  for (const address of ['10.0.0.1', '192.0.2.1', '223.255.255.1', '2001:db8::1', '::2'])
    t.notOk(isNobodys(address), address)
})
