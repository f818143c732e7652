// The form of the network, against the very checks that the appliance makes.
import t from 'tap'
import Value from 'typebox/value'
import { MachineNetwork } from '../../../appliance/api/schemas/machine.ts'
import { networkFlaw } from '../../../appliance/machine/verbs.ts'
import {
  dnsDoubt,
  hasNetworkErrors,
  isName,
  listOf,
  mayCut,
  type NetworkDraft,
  networkDraft,
  networkErrors,
  networkOf,
  nextAddress,
  noErrors,
  sameNetwork,
} from '../../../webui/machine/network-draft.ts'

const automatic: MachineNetwork = {
  ipv4: { method: 'dhcp' },
  ipv6: { method: 'automatic' },
  dns: [],
  searchDomains: [],
}
const fixed: MachineNetwork = {
  ipv4: { method: 'static', address: '192.0.2.5', prefixLength: 24, gateway: '192.0.2.1' },
  ipv6: { method: 'static', address: '2001:db8::5', prefixLength: 64, gateway: 'fe80::1' },
  dns: ['192.0.2.53', '2001:db8::53'],
  searchDomains: ['example.com', 'corp.example.com'],
}
const draftWith = (change: (draft: NetworkDraft) => void): NetworkDraft => {
  const draft = networkDraft(fixed)
  change(draft)
  return draft
}

t.test('what is configured goes through the form and comes out the same, without an error', async t => {
  const noGateway: MachineNetwork = { ...automatic, ipv4: { method: 'static', address: '10.0.0.2', prefixLength: 8 } }
  const off: MachineNetwork = { ...automatic, ipv6: { method: 'off' } }
  for (const network of [automatic, fixed, noGateway, off]) {
    const draft = networkDraft(network)
    t.strictSame(networkOf(draft), network)
    t.notOk(hasNetworkErrors(networkErrors(draft)))
    t.ok(sameNetwork(network, networkOf(draft)))
  }
  t.notOk(hasNetworkErrors(noErrors))
  t.strictSame(
    networkOf(
      draftWith(draft => {
        draft.ipv4.prefixLength = '255.255.255.0'
        draft.ipv4.address = ' 192.0.2.5 '
        draft.dns = '192.0.2.53 2001:db8::53'
      }),
    ),
    fixed,
  )
})

const slips: [
  string,
  (draft: NetworkDraft) => void,
  (errors: ReturnType<typeof networkErrors>) => string | undefined,
][] = [
  [
    'no address',
    draft => {
      draft.ipv4.address = ''
    },
    errors => errors.ipv4.address,
  ],
  [
    'half an address',
    draft => {
      draft.ipv4.address = '192.0.2'
    },
    errors => errors.ipv4.address,
  ],
  [
    'of the other kind',
    draft => {
      draft.ipv4.address = '2001:db8::1'
    },
    errors => errors.ipv4.address,
  ],
  [
    'loopback',
    draft => {
      draft.ipv4.address = '127.0.0.1'
    },
    errors => errors.ipv4.address,
  ],
  [
    'multicast',
    draft => {
      draft.ipv6.address = 'ff02::1'
    },
    errors => errors.ipv6.address,
  ],
  [
    'no size',
    draft => {
      draft.ipv4.prefixLength = ''
    },
    errors => errors.ipv4.prefixLength,
  ],
  [
    'too large a size',
    draft => {
      draft.ipv6.prefixLength = '129'
    },
    errors => errors.ipv6.prefixLength,
  ],
  [
    'a gateway elsewhere',
    draft => {
      draft.ipv4.gateway = '198.51.100.1'
    },
    errors => errors.ipv4.gateway,
  ],
  [
    'a gateway elsewhere, IPv6',
    draft => {
      draft.ipv6.gateway = '2001:db9::1'
    },
    errors => errors.ipv6.gateway,
  ],
  [
    'a gateway that is itself',
    draft => {
      draft.ipv4.gateway = '192.0.2.5'
    },
    errors => errors.ipv4.gateway,
  ],
  [
    'a gateway that is none',
    draft => {
      draft.ipv4.gateway = 'router'
    },
    errors => errors.ipv4.gateway,
  ],
  [
    'a DNS server by name',
    draft => {
      draft.dns = 'ns.example.com'
    },
    errors => errors.dns,
  ],
  [
    'too many DNS servers',
    draft => {
      draft.dns = '10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5'
    },
    errors => errors.dns,
  ],
  [
    'a domain that is none',
    draft => {
      draft.searchDomains = 'a_b'
    },
    errors => errors.searchDomains,
  ],
  [
    'too many domains',
    draft => {
      draft.searchDomains = 'a b c d e f g'
    },
    errors => errors.searchDomains,
  ],
  [
    'neither',
    draft => {
      draft.ipv4.method = 'off'
      draft.ipv6.method = 'off'
    },
    errors => errors.ipv6.method,
  ],
]

t.test('each slip is told at its field, and is one that the appliance would refuse', async t => {
  for (const [name, slip, at] of slips) {
    const draft = draftWith(slip)
    const errors = networkErrors(draft)
    t.type(at(errors), 'string', name)
    t.ok(hasNetworkErrors(errors), name)
    const wrongSize = name.includes('size')
    const body = { ...networkOf(draft) }
    if (!wrongSize) t.notOk(Value.Check(MachineNetwork, body) && networkFlaw(body) === undefined, name)
  }
})

t.test('only other addresses may cut the page off', async t => {
  t.notOk(mayCut(fixed, { ...fixed, dns: [], searchDomains: ['a'] }))
  t.ok(mayCut(fixed, automatic))
  t.ok(mayCut(automatic, { ...automatic, ipv6: { method: 'off' } }))
})

t.test(
  'whether an address is one of a machine is seen as the appliance sees it, the smallest networks included',
  async t => {
    const of4 = (address: string, prefixLength: number, gateway?: string): MachineNetwork => ({
      ...automatic,
      ipv4: { method: 'static', address, prefixLength, ...(gateway === undefined ? {} : { gateway }) },
    })
    const of6 = (address: string, gateway?: string): MachineNetwork => ({
      ...automatic,
      ipv6: { method: 'static', address, prefixLength: 64, ...(gateway === undefined ? {} : { gateway }) },
    })
    const right = [
      of4('192.0.2.255', 23),
      of4('192.0.2.5', 30, '192.0.2.6'),
      of4('192.0.2.0', 31, '192.0.2.1'),
      of4('192.0.2.255', 31),
      of4('192.0.2.0', 32),
      of4('192.0.2.255', 32),
      of6('2001:db8::ffff:0:1'),
    ]
    const edge = /broadcast/
    const mapped = /form of IPv6/
    const wrong: [MachineNetwork, 'address' | 'gateway', RegExp][] = [
      [of4('192.0.2.255', 24), 'address', edge],
      [of4('192.0.2.0', 24), 'address', edge],
      [of4('192.0.2.7', 30), 'address', edge],
      [of4('192.0.2.4', 30), 'address', edge],
      [of4('128.0.0.0', 1), 'address', edge],
      [of4('192.0.2.5', 24, '192.0.2.255'), 'gateway', edge],
      [of4('192.0.2.5', 24, '192.0.2.0'), 'gateway', edge],
      [of4('126.0.0.1', 7, '127.0.0.1'), 'gateway', /No machine/],
      [of6('::ffff:192.0.2.5'), 'address', mapped],
      [of6('::ffff:c000:205'), 'address', mapped],
      [of6('::fffe:0:1', '::ffff:192.0.2.1'), 'gateway', mapped],
    ]
    for (const network of right) {
      t.notOk(hasNetworkErrors(networkErrors(networkDraft(network))), JSON.stringify(network))
      t.equal(networkFlaw(network), undefined, JSON.stringify(network))
    }
    for (const [network, field, why] of wrong) {
      const { ipv4, ipv6 } = networkErrors(networkDraft(network))
      t.match(ipv4[field] ?? ipv6[field], why, JSON.stringify(network))
      t.type(networkFlaw(network), 'string', JSON.stringify(network))
    }
  },
)

t.test('that nobody names a DNS server is seen, and that only the router of IPv6 may', async t => {
  const doubts: [MachineNetwork, 'nobody' | 'router' | undefined][] = [
    [{ ...fixed, dns: [] }, 'nobody'],
    [{ ...fixed, ipv6: { method: 'off' }, dns: [] }, 'nobody'],
    [{ ...fixed, ipv4: { method: 'off' }, dns: [] }, 'nobody'],
    [{ ...fixed, ipv6: { method: 'automatic' }, dns: [] }, 'router'],
    [{ ...automatic, ipv4: { method: 'off' } }, 'router'],
    [fixed, undefined],
    [automatic, undefined],
    [{ ...fixed, ipv4: { method: 'dhcp' }, dns: [] }, undefined],
  ]
  for (const [network, doubt] of doubts) t.equal(dnsDoubt(network), doubt, JSON.stringify(network))
})

t.test('where the page will be is an address of the kind that it is at, on the same port', async t => {
  const at = (hostname: string, port = '') => ({ hostname, port, protocol: 'https:' })
  t.equal(nextAddress(fixed, at('10.0.0.9')), 'https://192.0.2.5/')
  t.equal(nextAddress(fixed, at('10.0.0.9', '8443')), 'https://192.0.2.5:8443/')
  t.equal(nextAddress(fixed, at('[2001:db8::9]')), 'https://[2001:db8::5]/')
  t.equal(nextAddress(fixed, at('hoist.example.com')), 'https://192.0.2.5/')
  t.equal(nextAddress({ ...fixed, ipv4: { method: 'off' } }, at('10.0.0.9')), 'https://[2001:db8::5]/')
  t.equal(nextAddress(fixed, at('192.0.2.5')), undefined, 'it is there')
  t.equal(nextAddress(fixed, at('[2001:db8:0::5]')), undefined, 'it is there')
  t.equal(nextAddress(automatic, at('10.0.0.9')), undefined, 'nobody knows')
})

t.test('lists take commas, blanks and line ends; names are those of DNS', async t => {
  t.strictSame(listOf(' a, b;c\nd '), ['a', 'b', 'c', 'd'])
  t.strictSame(listOf(' '), [])
  for (const name of ['a', 'a-1.example.com']) t.ok(isName(name))
  for (const name of ['', 'a_b', '-a', 'a..b', 'x'.repeat(64)]) t.notOk(isName(name), name)
  t.notOk(isName('abc', 2))
})
