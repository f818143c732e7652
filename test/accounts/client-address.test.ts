// One machine has one address, whichever socket it came by: in the audit log, in the limits; and none of them opens anything.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { fromThisMachine, plainAddress } from '../../appliance/accounts/client-address.ts'
import { addressKey } from '../../appliance/accounts/rate-limit.ts'
import { startAccessApi } from '../api/access-api.ts'
import { apiToken } from '../api/memory-api.ts'
import { goodPassword } from './access-lab.ts'

t.test('IPv4 inside of IPv6 is itself, in every form; everything else stays as it is', async t => {
  for (const mapped of ['::ffff:10.0.0.5', '::FFFF:10.0.0.5', '::ffff:a00:5', '0:0:0:0:0:ffff:0a00:0005'])
    t.equal(plainAddress(mapped), '10.0.0.5', mapped)
  t.equal(plainAddress('::ffff:127.0.0.1'), '127.0.0.1')
  for (const other of [
    '10.0.0.5',
    '::1',
    '2001:db8::ffff:a00:5',
    '::ffff:0:a00:5',
    '64:ff9b::a00:5',
    'fe80::1%eth0',
    '',
  ])
    t.equal(plainAddress(other), other, other)
})

t.test('both forms share one limit', async t => {
  t.equal(addressKey('::ffff:a00:5'), addressKey('10.0.0.5'))
  t.not(addressKey('::ffff:10.0.0.6'), addressKey('10.0.0.5'))
})

t.test(
  'the audit log shows a client of IPv4 by its own address, and guesses of both forms are counted together',
  async t => {
    const { browser, lab, close } = await startAccessApi()
    t.teardown(close)
    await lab.access.accounts.create({ name: 'anna', role: 'administrator', password: goodPassword })
    await lab.access.settle()
    const anna = browser('::ffff:10.0.0.5')
    t.equal((await anna.signIn('anna', goodPassword)).status, 200)
    const { items } = await lab.access.audit.list({ limit: 10 })
    t.strictSame(
      items.map(({ address }) => address),
      ['10.0.0.5'],
    )
    let refusals = 0
    for (let tries = 0; tries < 40; tries++) {
      const address = tries % 2 === 0 ? '::ffff:10.0.0.7' : '10.0.0.7'
      // Names that nobody has: only the address is counted.
      if ((await browser(address).signIn(`nobody-${tries}`, 'guess')).status === 429) refusals += 1
    }
    t.equal(refusals, 20, 'of forty guesses twenty')
  },
)

t.test('this machine is the loopback, or whoever comes from the very address that it went to', async t => {
  for (const remote of ['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1'])
    t.ok(fromThisMachine(remote, '127.0.0.1'), remote)
  t.ok(fromThisMachine('::ffff:10.0.0.5', '10.0.0.5'), 'by its own name')
  for (const remote of ['10.0.0.6', '::ffff:10.0.0.6', '2001:db8::1', '128.0.0.1', '127.evil', ''])
    t.notOk(fromThisMachine(remote, '10.0.0.5'), remote)
  t.notOk(fromThisMachine('10.0.0.5', undefined))
})

t.test('the token of the data directory opens everything here, and nothing from another machine', async t => {
  const { api, close } = await startAccessApi()
  t.teardown(close)
  const ask = async (remoteAddress: string) =>
    (await api.inject({ url: '/api/audit', remoteAddress, headers: { authorization: `Bearer ${apiToken}` } }))
      .statusCode
  t.equal(await ask('127.0.0.1'), 200)
  t.equal(await ask('::ffff:127.0.0.1'), 200)
  t.equal(await ask('203.0.113.7'), 401)
})

t.test(
  'no address is a proof: loopback, mapped or not, opens nothing without the token of the data directory',
  async t => {
    const { api, close } = await startAccessApi()
    t.teardown(close)
    for (const remoteAddress of ['127.0.0.1', '::1', '::ffff:127.0.0.1', '::ffff:7f00:1'])
      for (const url of ['/api/local/console', '/api/audit', '/api/machine', '/metrics'])
        t.equal((await api.inject({ url, remoteAddress })).statusCode, 401, `${url} from ${remoteAddress}`)
  },
)

t.test('no source takes the address of a request another way', async t => {
  const top = join(import.meta.dirname, '../../appliance')
  const taken = globSync('**/*.ts', { cwd: top }).flatMap(path =>
    readFileSync(join(top, path), 'utf8')
      .split('\n')
      .filter(
        line =>
          /\brequest\.ip\b|\.remoteAddress\b/.test(line) &&
          !/(addressKey|plainAddress|fromThisMachine)\(request\.ip\b/.test(line),
      )
      .map(line => `${path}: ${line.trim()}`),
  )
  t.strictSame(taken, [])
})
