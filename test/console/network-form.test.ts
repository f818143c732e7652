import { isIPv4 } from 'node:net'
import t from 'tap'
import { formKey, openForm } from '../../appliance/console/form.ts'
import { isVerb, networkForm, networkSummary, networkVerbs, wordsOf } from '../../appliance/console/network-form.ts'
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
const present = { hostName: 'hoist', ipv4: '192.0.2.10/24', gateway: '192.0.2.1', ipv6: '2001:db8::10/64' }
const open = openForm(networkForm(state, present))
const check = (values: Record<string, string>) => networkForm(state, present).check?.({ ...open.values, ...values })
const fixed = { ipv4: 'static', ipv4Address: '192.0.2.20/24', ipv4Gateway: '192.0.2.1' }

t.test('who goes from DHCP to static finds what DHCP gave', async t => {
  t.match(open.values, { hostName: 'hoist', ipv4: 'dhcp', ipv4Address: '192.0.2.10/24', ipv4Gateway: '192.0.2.1' })
  t.equal(formKey(open, { name: 'escape' }).done, 'left')
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
  t.match(again.values, { ...fixed, hostName: 'h.example.com', dns: '192.0.2.53' })
  t.strictSame(networkVerbs(again.values, set, present), [])
})

t.test('a static address, name and DNS become verbs that the helper takes, and are summed up', async t => {
  const values = {
    ...open.values,
    ...fixed,
    hostName: 'h.example.com',
    dns: '192.0.2.53, 2001:db8::53',
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
    [{ ipv6: 'static', ipv6Address: '192.0.2.1/24' }, 'ipv6Address', /no IPv6/],
    [{ ipv4: 'off', ipv6: 'off' }, 'ipv6', /nobody could reach/],
    [{ dns: 'ns1.example.com' }, 'dns', /no address/],
    [{ dns: '192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5' }, 'dns', /at most 4/],
    [{ searchDomains: 'a_b' }, 'searchDomains', /letters/],
  ]
  for (const [values, field, text] of wrong) t.match(check(values), { field, text }, JSON.stringify(values))
  t.strictSame(wordsOf(' a, b;c  d '), ['a', 'b', 'c', 'd'])
  t.ok(isIPv4(wordsOf('192.0.2.1')[0] ?? ''))
  t.equal(isVerb({ verb: 'rm' }), false)
})
