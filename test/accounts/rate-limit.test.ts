// Token buckets, with a clock of the test's own.
import t from 'tap'
import { addressKey, createRateLimit } from '../../appliance/accounts/rate-limit.ts'

t.test('so many at once, then one after the other', async t => {
  let nowMs = 0
  const limit = createRateLimit({ burst: 2, perSecond: 0.5, nowMs: () => nowMs })
  t.strictSame([limit.take('a'), limit.take('a'), limit.take('a')], [0, 0, 2000])
  t.equal(limit.take('b'), 0, 'each key has its own')
  nowMs = 1000
  t.equal(limit.waitMs('a'), 1000)
  t.equal(limit.take('a'), 1000, 'to ask in vain costs nothing')
  nowMs = 2000
  t.strictSame([limit.waitMs('a'), limit.take('a'), limit.take('a')], [0, 0, 2000])
  nowMs = 1e9
  t.strictSame([limit.take('a'), limit.take('a'), limit.take('a')], [0, 0, 2000], 'never more than the burst')
})

t.test('a clock that goes back neither gives nor takes', async t => {
  let nowMs = 10_000
  const limit = createRateLimit({ burst: 1, perSecond: 1, nowMs: () => nowMs })
  limit.take('a')
  nowMs = 0
  t.equal(limit.take('a'), 1000)
  nowMs = 1000
  t.equal(limit.take('a'), 0)
})

t.test('no more keys are remembered than may be', async t => {
  const limit = createRateLimit({ burst: 1, perSecond: 0.001, nowMs: () => 0, maxKeys: 3 })
  for (const key of ['a', 'b', 'c']) limit.take(key)
  t.ok(limit.take('a') > 0)
  limit.take('d')
  t.equal(limit.waitMs('b'), 0, 'the one that was not used for longest is forgotten')
  t.ok(limit.waitMs('a') > 0)
})

t.test('an address of IPv6 counts with its network, in every spelling', async t => {
  for (const address of ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::1', '2001:0db8:0001:0002::', '2001:DB8:1:2::%eth0'])
    t.equal(addressKey(address), '2001:db8:1:2::/64', address)
  t.equal(addressKey('::1'), '0:0:0:0::/64')
  t.equal(addressKey('fe80::1%eth0'), 'fe80:0:0:0::/64')
  t.equal(addressKey('::ffff:192.0.2.1'), '192.0.2.1')
  t.equal(addressKey('192.0.2.1'), '192.0.2.1')
  t.not(addressKey('2001:db8:1:3::1'), addressKey('2001:db8:1:2::1'))
})
