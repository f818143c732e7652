// Rates and time left.
import t from 'tap'
import { RateMeter, secondsLeft } from '../../appliance/replication/progress.ts'

t.test('a steady stream has its rate', async t => {
  const meter = new RateMeter()
  for (let second = 0; second <= 60; second++) meter.add({ atMs: second * 1000, bytes: second * 5_000_000 })
  t.equal(Math.round(meter.bytesPerSecond(60_000)), 5_000_000)
})

t.test('only the last ten seconds count, and a stall brings the rate down', async t => {
  const meter = new RateMeter()
  for (let second = 0; second <= 20; second++) meter.add({ atMs: second * 1000, bytes: second * 1_000_000 })
  for (let second = 21; second <= 40; second++) meter.add({ atMs: second * 1000, bytes: 20_000_000 })
  t.equal(meter.bytesPerSecond(40_000), 0)
})

t.test('very frequent samples are merged without losing bytes', async t => {
  const meter = new RateMeter()
  for (let ms = 0; ms <= 5000; ms++) meter.add({ atMs: ms, bytes: ms * 1000 })
  t.equal(Math.round(meter.bytesPerSecond(5000)), 1_000_000)
})

t.test('there is no rate before a second sample, and no time left without a rate', async t => {
  const meter = new RateMeter()
  t.equal(meter.bytesPerSecond(0), 0)
  meter.add({ atMs: 0, bytes: 10 })
  t.equal(meter.bytesPerSecond(0), 0)
  t.equal(secondsLeft(0, 100, 0), undefined)
  t.equal(secondsLeft(0, 100, 30), 4)
  t.equal(secondsLeft(100, 100, 0), 0)
})
