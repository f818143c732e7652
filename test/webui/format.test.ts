import t from 'tap'
import { bytes, count, duration, moment, percent, rate, secondsBetween } from '../../webui/format.ts'

t.test('bytes have at most three digits and a binary unit', async t => {
  t.equal(bytes(0), '0 B')
  t.equal(bytes(1023), '1023 B')
  t.equal(bytes(1024), '1 KiB')
  t.equal(bytes(1.5 * 2 ** 20), '1.5 MiB')
  t.equal(bytes(84 * 2 ** 30), '84 GiB')
  t.equal(bytes(2 ** 40 - 1), '1.0 TiB', 'never 1024 GiB')
  t.equal(bytes(99.97 * 2 ** 20), '100 MiB')
  t.equal(rate(2 ** 20), '1 MiB/s')
})

t.test('a duration names its two largest units', async t => {
  t.equal(duration(0), '0 s')
  t.equal(duration(45), '45 s')
  t.equal(duration(200), '3 min 20 s')
  t.equal(duration(7200), '2 h')
  t.equal(duration(90_061), '1 d 1 h')
  t.equal(duration(-5), '0 s')
})

t.test('nothing is at 100 percent before it is done', async t => {
  t.equal(percent(999, 1000), 99)
  t.equal(percent(1000, 1000), 100)
  t.equal(percent(5, 0), 0)
})

t.test('a moment shows its zone', async t => {
  t.equal(moment('2026-11-21T06:52:30Z', { zone: 'UTC' }), '21 Nov 2026, 06:52 UTC')
  t.match(moment('2026-07-01T06:52:30Z', { zone: 'Europe/Berlin', seconds: true }), /08:52:30 (CEST|GMT\+2)/)
  t.equal(moment('not a time'), 'not a time')
})

t.test('counts have separators, and spans are in seconds', async t => {
  t.equal(count(10_000), '10,000')
  t.equal(secondsBetween('2026-01-01T00:00:00Z', '2026-01-01T00:01:00Z'), 60)
})
