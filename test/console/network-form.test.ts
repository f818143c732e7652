import { isIPv4 } from 'node:net'
import t from 'tap'
import { formKey, openForm } from '../../appliance/console/form.ts'
import {
  isVerb,
  networkForm,
  networkSummary,
  networkVerbs,
  networkWarning,
  wordsOf,
} from '../../appliance/console/network-form.ts'
import type { MachineState } from '../../appliance/machine/machine-state.ts'
import { parseVerb } from '../../appliance/machine/verbs.ts'

const state: MachineState = {
  network: { ipv4: { method: 'dhcp' }, ipv6: { method: 'automatic' }, dns: [], searchDomains: [] },
  networkConfigured: false,
  timeServers: [],
  ssh: false,
  sshKey: false,
  updates: true,
  findings: [],
}
const present = {
  hostName: 'hoist',
  ipv4: '192.0.2.10/24',
  gateway: '192.0.2.1',
  ipv6: '2001:db8::10/64',
  dns: ['192.0.2.53', '2001:db8::53'],
}
const open = openForm(networkForm(state, present))
const check = (values: Record<string, string>) => networkForm(state, present).check?.({ ...open.values, ...values })
const fixed = { ipv4: 'static', ipv4Address: '192.0.2.20/24', ipv4Gateway: '192.0.2.1' }

t.test('who goes from DHCP to static finds what DHCP gave', async t => {
  t.match(open.values, { hostName: 'hoist', ipv4: 'dhcp', ipv4Address: '192.0.2.10/24', ipv4Gateway: '192.0.2.1' })
  t.match(open.values, { dns: '', dnsStatic: '192.0.2.53 2001:db8::53' })
  t.equal(formKey(open, { name: 'escape' }).done, 'left')
  const [network] = networkVerbs({ ...open.values, ...fixed }, state, present)
  t.match(network, { verb: 'network', ipv4: { method: 'static' }, dns: ['192.0.2.53', '2001:db8::53'] })
  const shown = (ipv4: string) =>
    open.spec.fields.filter(({ name, shownIf }) => /^dns/.test(name) && shownIf?.({ ...open.values, ipv4 }))
  t.match(
    [shown('dhcp'), shown('static'), shown('off')],
    [[{ name: 'dns' }], [{ name: 'dnsStatic' }], [{ name: 'dns' }]],
  )
})

t.test('DNS servers in use are filled in where they can be named, and never over what is set', async t => {
  const filled = (dns: string[], network: Partial<MachineState['network']> = {}) =>
    openForm(networkForm({ ...state, network: { ...state.network, ...network } }, { ...present, dns })).values.dnsStatic
  const cases: [string[], Partial<MachineState['network']>, string][] = [
    [['127.0.0.53', '::1', 'fe80::1%2', 'FE80::1', '2001:db8::1%3', 'x', '10.0.0.1', '10.0.0.1'], {}, '10.0.0.1'],
    [['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5'], {}, '10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4'],
    [[], {}, ''],
    [['10.0.0.1'], { dns: ['192.0.2.9'] }, '192.0.2.9'],
    [['10.0.0.1'], { ipv4: { method: 'static', address: '192.0.2.20', prefixLength: 24 } }, ''],
  ]
  for (const [dns, network, value] of cases) t.equal(filled(dns, network), value, dns.join())
  const { dns, ...rest } = present
  t.equal(openForm(networkForm(state, rest)).values.dnsStatic, '', `${dns.length} are not known`)
})

t.test('a network that may have no DNS server is warned of, and can be set', async t => {
  const cases: [Record<string, string>, RegExp | undefined, RegExp][] = [
    [{ ...fixed, dnsStatic: '' }, /Unless the router of IPv6/, /DNS servers +those that the router of IPv6 names, if/],
    [{ ...fixed, dnsStatic: '', ipv6: 'off' }, /^NO DNS SERVER is given: /, /DNS servers +none/],
    [{ ipv4: 'off' }, /Unless the router of IPv6/, /DNS servers +those that the router of IPv6 names, if/],
    [fixed, undefined, /DNS servers +192\.0\.2\.53/],
    [{ ipv6: 'off' }, undefined, /DNS servers +those that DHCP or the router names/],
    [{ hostName: 'other' }, undefined, /Host name +other/],
  ]
  for (const [values, warning, summary] of cases) {
    t.equal(check(values), undefined, JSON.stringify(values))
    const verbs = networkVerbs({ ...open.values, ...values }, state, present)
    if (warning) t.match(networkWarning(verbs), warning, JSON.stringify(values))
    else t.equal(networkWarning(verbs), undefined, JSON.stringify(values))
    t.match(networkSummary(verbs).join('\n'), summary)
  }
})

t.test('what is set already is asked for by no verb', async t => {
  t.strictSame(networkVerbs(open.values, state, present), [])
  const set = {
    ...state,
    hostname: 'h.example.com',
    network: {
      ...state.network,
      ipv4: { method: 'static' as const, address: '192.0.2.20', prefixLength: 24, gateway: '192.0.2.1' },
      dns: ['192.0.2.53'],
    },
  }
  const again = openForm(networkForm(set, present))
  t.match(again.values, { ...fixed, hostName: 'h.example.com', dnsStatic: '192.0.2.53' })
  t.strictSame(networkVerbs(again.values, set, present), [])
})

t.test('a static address, name and DNS become verbs that the helper takes, and are summed up', async t => {
  const values = {
    ...open.values,
    ...fixed,
    hostName: 'h.example.com.',
    dnsStatic: '192.0.2.53, 2001:db8::53',
    searchDomains: 'example.com corp.example',
  }
  t.equal(check(values), undefined)
  const verbs = networkVerbs(values, state, present)
  for (const verb of verbs) t.strictSame(parseVerb(Buffer.from(JSON.stringify(verb))), verb)
  t.match(verbs, [
    { verb: 'hostname', name: 'h.example.com' },
    {
      verb: 'network',
      ipv4: { address: '192.0.2.20', prefixLength: 24 },
      ipv6: { method: 'automatic' },
      dns: ['192.0.2.53', '2001:db8::53'],
    },
  ])
  t.match(
    networkSummary(verbs).join('\n'),
    /Host name +h\.example\.com\nIPv4 +192\.0\.2\.20\/24, gateway 192\.0\.2\.1\nIPv6 +automatic\nDNS servers +192/,
  )
  t.match(
    networkVerbs(
      { ...values, ipv4: 'off', ipv6: 'static', ipv6Address: '2001:db8::1/64', ipv6Gateway: '' },
      state,
      present,
    )[1],
    {
      ipv4: { method: 'off' },
      ipv6: { method: 'static', address: '2001:db8::1', prefixLength: 64 },
    },
  )
})

t.test('what is wrong is said at the field where it is', async t => {
  const wrong: [Record<string, string>, string, RegExp][] = [
    [{ hostName: 'a b' }, 'hostName', /letters/],
    [{ hostName: '' }, 'hostName', /letters/],
    [{ ...fixed, ipv4Address: '192.0.2/24' }, 'ipv4Address', /no IPv4/],
    [{ ...fixed, ipv4Address: '192.0.2.20' }, 'ipv4Address', /slash/],
    [{ ...fixed, ipv4Address: '192.0.2.20/33' }, 'ipv4Address', /1 to 32/],
    [{ ...fixed, ipv4Gateway: 'x' }, 'ipv4Gateway', /no IPv4/],
    [{ ...fixed, ipv4Gateway: '192.0.2.20' }, 'ipv4Gateway', /itself/],
    [{ ...fixed, ipv4Gateway: '198.51.100.1' }, 'ipv4Address', /not in the network/],
    [{ ...fixed, ipv4Address: '127.0.0.1/8', ipv4Gateway: '' }, 'ipv4Address', /can have/],
    [{ ...fixed, ipv4Address: '192.0.2.255/24' }, 'ipv4Address', /192\.0\.2\.255 is the broadcast/],
    [{ ...fixed, ipv4Gateway: '192.0.2.0' }, 'ipv4Address', /gateway 192\.0\.2\.0 is the address of its network/],
    [{ ipv6: 'static', ipv6Address: '::ffff:192.0.2.1/96' }, 'ipv6Address', /form of IPv6/],
    [{ hostName: '10.0.0.5' }, 'hostName', /ends in a number/],
    [{ hostName: 'localhost' }, 'hostName', /every machine/],
    [{ hostName: 'a..' }, 'hostName', /letters/],
    [{ ...fixed, dnsStatic: 'ns1.example.com' }, 'dnsStatic', /no address/],
    [{ ...fixed, dnsStatic: '192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5' }, 'dnsStatic', /at most 4/],
    [{ ipv6: 'static', ipv6Address: '192.0.2.1/24' }, 'ipv6Address', /no IPv6/],
    [{ ipv4: 'off', ipv6: 'off' }, 'ipv6', /nobody could reach/],
    [{ dns: 'ns1.example.com' }, 'dns', /no address/],
    [{ dns: '192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5' }, 'dns', /at most 4/],
    [{ searchDomains: 'a_b' }, 'searchDomains', /letters/],
  ]
  for (const [values, field, text] of wrong) t.match(check(values), { field, text }, JSON.stringify(values))
  const called = networkForm({ ...state, hostname: 'localhost' }, present).check?.({
    ...open.values,
    hostName: 'localhost',
  })
  t.equal(called, undefined, 'a name of before stands in the way of nothing else')
  t.strictSame(wordsOf(' a, b;c  d '), ['a', 'b', 'c', 'd'])
  t.ok(isIPv4(wordsOf('192.0.2.1')[0] ?? ''))
  t.equal(isVerb({ verb: 'rm' }), false)
})
