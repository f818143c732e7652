// Where notifications may go: nowhere near a metadata service, however it is written or named.
import type { LookupAddress } from 'node:dns'
import t from 'tap'
import { type AddressRule, checkHost, guardedLookup, mayConnect } from '../../appliance/notify/address-guard.ts'

const linkLocal = [
  '169.254.169.254',
  '169.254.0.1',
  '::ffff:169.254.169.254',
  '::ffff:a9fe:a9fe',
  '64:ff9b::169.254.169.254',
  'fe80::1',
  'fe80::1%eth0',
  'febf::1',
  'fd00:ec2::254',
  '0.0.0.0',
  '::',
]
const elsewhere = [
  '192.0.2.1',
  '10.0.0.5',
  '169.253.255.255',
  '169.255.0.0',
  '2001:db8::1',
  'fec0::1',
  '64:ff9b::1.2.3.4',
]
const here = ['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1']

t.test('link-local and metadata addresses are refused in every form', async t => {
  for (const address of linkLocal)
    for (const rule of ['any', 'loopback'] as const) t.notOk(mayConnect(address, rule), address)
  for (const address of [...elsewhere, ...here]) t.ok(mayConnect(address, 'any'), address)
  t.notOk(mayConnect('not-an-address', 'any'))
})

t.test('the rule for loopback takes this machine only', async t => {
  for (const address of here) t.ok(mayConnect(address, 'loopback'), address)
  for (const address of elsewhere) t.notOk(mayConnect(address, 'loopback'), address)
})

t.test('a host that is written as an address is refused before anything is resolved', async t => {
  for (const host of ['169.254.169.254', '[fe80::1]', '[::ffff:a9fe:a9fe]'])
    t.throws(() => checkHost(host, 'any'), { code: 'NOTIFICATION_ADDRESS_REFUSED', hint: /./ })
  t.throws(() => checkHost('192.0.2.1', 'loopback'), { code: 'NOTIFICATION_ADDRESS_REFUSED', message: /not encrypted/ })
  for (const host of ['hooks.example.com', 'localhost.example.com', 'notlocalhost'])
    t.throws(() => checkHost(host, 'loopback'), { code: 'NOTIFICATION_ADDRESS_REFUSED' }, host)
  for (const host of ['localhost', 'hook.LOCALHOST', '127.0.0.1', '[::1]'])
    t.doesNotThrow(() => checkHost(host, 'loopback'))
  for (const host of ['hooks.example.com', '192.0.2.1', '[2001:db8::1]']) t.doesNotThrow(() => checkHost(host, 'any'))
})

const resolved = (rule: AddressRule, addresses: string[], all: boolean) =>
  new Promise<{ error: NodeJS.ErrnoException | null; answer: string | LookupAddress[] }>(resolve => {
    const lookup = guardedLookup(rule, (_name, options, callback) => {
      t.equal(options.all, true)
      callback(
        null,
        addresses.map(address => ({ address, family: address.includes(':') ? 6 : 4 })),
      )
    })
    lookup('name.test', { all }, (error, answer) => resolve({ error, answer }))
  })

t.test('a name with one forbidden address is refused, others resolve to what was checked', async t => {
  for (const all of [true, false]) {
    t.match(await resolved('any', ['192.0.2.1', '169.254.169.254'], all), {
      error: { code: 'NOTIFICATION_ADDRESS_REFUSED' },
    })
    t.match(await resolved('loopback', ['192.0.2.1'], all), { error: { code: 'NOTIFICATION_ADDRESS_REFUSED' } })
    t.match(await resolved('any', [], all), { error: { code: 'NOTIFICATION_ADDRESS_REFUSED' } })
  }
  t.match(await resolved('any', ['192.0.2.1', '2001:db8::1'], true), {
    error: null,
    answer: [{ address: '192.0.2.1', family: 4 }, { address: '2001:db8::1' }],
  })
  t.match(await resolved('any', ['192.0.2.1'], false), { error: null, answer: '192.0.2.1' })
  t.match(await resolved('loopback', ['::1'], false), { error: null, answer: '::1' })
})

t.test('a name that does not resolve keeps its error', async t => {
  const lookup = guardedLookup('any', (_name, _options, callback) => callback(new Error('ENOTFOUND'), []))
  await new Promise<void>(resolve => {
    lookup('name.test', {}, error => {
      t.equal(error?.message, 'ENOTFOUND')
      resolve()
    })
  })
})
