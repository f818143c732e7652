// The network as the machine tells it.
import { join } from 'node:path'
import t from 'tap'
import { gatewayOf, nameserversOf, readNetworkState } from '../../appliance/health/network-state.ts'

const routes = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth1	00000000	010200C0	0003	0	0	100	00000000	0	0	0
eth0	00000000	FE01A8C0	0003	0	0	50	00000000	0	0	0
eth0	0001A8C0	00000000	0001	0	0	50	00FFFFFF	0	0	0
`

t.test('the gateway is that of the default route with the least metric', async t => {
  t.equal(gatewayOf(routes), '192.168.1.254')
  t.equal(gatewayOf('Iface\n'), undefined)
  t.equal(gatewayOf(''), undefined)
})

t.test('name servers are read as resolv.conf has them', async t => {
  t.same(nameserversOf('# comment\nnameserver 10.0.0.1\nsearch x\n  nameserver fe80::1%eth0\noptions a\n'), [
    '10.0.0.1',
    'fe80::1%eth0',
  ])
})

t.test('this machine has a name; what a system does not have is not known', async t => {
  const here = await readNetworkState()
  t.ok(here.hostname.length > 0)
  for (const { addresses } of here.interfaces) t.ok(addresses.length > 0)
  t.notOk(here.interfaces.some(({ name }) => name === 'lo'))
  const nowhere = join(t.testdir(), 'none')
  const bare = await readNetworkState({ routes: nowhere, resolvConf: nowhere, upstream: nowhere })
  t.same([bare.gateway, bare.dns], [undefined, []])
  await t.rejects(readNetworkState({ routes: t.testdir(), resolvConf: nowhere, upstream: nowhere }), { code: 'EISDIR' })
})

t.test("where the system's own server is asked, those that it asks are shown", async t => {
  const directory = t.testdir({
    stub: 'nameserver 127.0.0.53\noptions edns0 trust-ad\n',
    other: 'nameserver 10.0.0.9\n',
    upstream: 'nameserver 10.0.0.1\nnameserver 10.0.0.2\n',
  })
  const at = (name: string) => join(directory, name)
  const dns = async (resolvConf: string) =>
    (await readNetworkState({ routes: at('none'), resolvConf: at(resolvConf), upstream: at('upstream') })).dns
  t.same(await dns('stub'), ['10.0.0.1', '10.0.0.2'])
  t.same(await dns('other'), ['10.0.0.9'])
})
