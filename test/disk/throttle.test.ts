// Pacing of bytes, with a clock that the test moves, and once with the real one.
import t from 'tap'
import { createThrottle, paced, type Throttle, type ThrottleClock } from '../../appliance/disk/throttle.ts'
import { seeded } from '../store/samples.ts'

const KiB = 1024
const MiB = 1024 * KiB
const never = new AbortController().signal

interface TestClock extends ThrottleClock {
  /** Lets time pass, timer by timer. */
  pass(ms: number): Promise<void>
  /** How often a timer went off. */
  wakeUps: number
  timers(): number
}

/** Streams go on in microtasks, and the throttle in immediates: a few turns let both come to rest. */
async function rest(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve))
}

function testClock(): TestClock {
  let nowMs = 1000
  const timers = new Set<{ atMs: number; call: () => void }>()
  const clock: TestClock = {
    wakeUps: 0,
    timers: () => timers.size,
    nowMs: () => nowMs,
    after(ms, call) {
      const timer = { atMs: nowMs + ms, call }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    async pass(ms) {
      const endMs = nowMs + ms
      for (;;) {
        await rest()
        const due = [...timers].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0]
        if (!due) break
        timers.delete(due)
        nowMs = Math.max(nowMs, due.atMs)
        clock.wakeUps++
        due.call()
      }
      nowMs = endMs
      await rest()
    },
  }
  return clock
}

interface Flow {
  bytes: number
  /** When how many passed. */
  marks: { atMs: number; bytes: number }[]
  stop(): void
}

/** A stream that takes chunk after chunk for as long as it may. */
function flow(throttle: Throttle, clock: ThrottleClock, chunkBytes: () => number): Flow {
  const abort = new AbortController()
  const self: Flow = { bytes: 0, marks: [], stop: () => abort.abort() }
  const run = async () => {
    for (;;) {
      const chunk = chunkBytes()
      for (let at = 0; at < chunk; ) {
        const piece = Math.min(chunk - at, throttle.pieceBytes())
        await throttle.take(piece, abort.signal)
        at += piece
        self.bytes += piece
        self.marks.push({ atMs: clock.nowMs(), bytes: piece })
      }
    }
  }
  run().catch(error => {
    if (!abort.signal.aborted) throw error
  })
  return self
}

const passed = (flows: Flow[]) => flows.reduce((sum, { bytes }) => sum + bytes, 0)

/** Most bytes beyond the rate in any stretch of time, as milliseconds of the rate. */
function burstMsOf(flows: Flow[], rate: number): number {
  const marks = flows.flatMap(({ marks }) => marks).sort((a, b) => a.atMs - b.atMs)
  let level = 0
  let lastMs = 0
  let worst = 0
  for (const { atMs, bytes } of marks) {
    level = Math.max(0, level - (atMs - lastMs) * (rate / 1000)) + bytes
    lastMs = atMs
    worst = Math.max(worst, level)
  }
  return (worst / rate) * 1000
}

t.test('without a limit everything passes at once, and no timer runs', async t => {
  const clock = testClock()
  const throttle = createThrottle(() => null, { clock })
  for (let take = 0; take < 1000; take++) await throttle.take(MiB, never)
  t.equal(clock.timers(), 0)
  t.equal(throttle.pieceBytes(), Number.POSITIVE_INFINITY)
})

t.test('exact to 5 % over 10 s, at any rate, number of streams and size of chunks, without bursts', async t => {
  const seed = 512
  const chance = seeded(seed)
  for (const rate of [64 * KiB, 300_000, 5 * MiB, 117 * MiB]) {
    for (const streams of [1, 3, 20]) {
      const clock = testClock()
      const throttle = createThrottle(() => rate, { clock })
      const flows = Array.from({ length: streams }, () => flow(throttle, clock, () => 1 + chance(MiB)))
      await clock.pass(10_000)
      const ratio = passed(flows) / (rate * 10)
      const what = `seed ${seed}, ${rate} B/s, ${streams} streams`
      t.ok(ratio > 0.95 && ratio < 1.05, `${what}: ${ratio.toFixed(4)}`)
      // Pieces of 100 ms of the rate may meet what has gathered.
      t.ok(burstMsOf(flows, rate) <= 351, `${what}: burst of ${burstMsOf(flows, rate).toFixed(0)} ms`)
      t.ok(clock.wakeUps <= 400, `${what}: ${clock.wakeUps} wake-ups`)
      for (const each of flows) each.stop()
      await rest()
      t.equal(clock.timers(), 0, 'no timer is left')
    }
  }
})

t.test('whole chunks that are worth many seconds are paced on the average', async t => {
  const clock = testClock()
  const throttle = createThrottle(() => 64 * KiB, { clock })
  let taken = 0
  const run = (async () => {
    for (; taken < 5; taken++) await throttle.take(MiB, never)
  })()
  await clock.pass(5 * 16_000 - 300)
  t.equal(taken, 4)
  await clock.pass(600)
  t.equal(taken, 5)
  await run
})

t.test('streams share by bytes, whether their chunks are large or small', async t => {
  const clock = testClock()
  const throttle = createThrottle(() => 2 * MiB, { clock })
  const sizes = [64 * KiB, 100 * KiB, 500 * KiB, MiB]
  const flows = sizes.map(size => flow(throttle, clock, () => size))
  await clock.pass(10_000)
  for (const [index, { bytes }] of flows.entries()) {
    const share = bytes / (passed(flows) / sizes.length)
    t.ok(share > 0.8 && share < 1.2, `chunks of ${sizes[index]}: ${share.toFixed(3)} of a fair share`)
  }
  for (const each of flows) each.stop()
})

t.test('a rate that changes acts within a second, up, down and without limit', async t => {
  const clock = testClock()
  let rate: number | null = MiB
  const throttle = createThrottle(() => rate, { clock })
  const flows = Array.from({ length: 3 }, () => flow(throttle, clock, () => MiB))
  await clock.pass(5000)
  for (const next of [8 * MiB, 128 * KiB, 3 * MiB]) {
    rate = next
    await clock.pass(1000)
    const before = passed(flows)
    await clock.pass(10_000)
    const ratio = (passed(flows) - before) / (next * 10)
    t.ok(ratio > 0.95 && ratio < 1.05, `${next} B/s: ${ratio.toFixed(4)}`)
  }
  rate = 64 * KiB
  await clock.pass(1000)
  for (const each of flows) each.stop()
  const slow = throttle.take(100 * MiB, never)
  rate = null
  await clock.pass(1000)
  await slow
  t.pass('the limit was lifted under way')
})

t.test('a hold stops within a second, looks a few times a second, and lets go within a second', async t => {
  const clock = testClock()
  let rate = 4 * MiB
  const throttle = createThrottle(() => rate, { clock })
  const flows = [flow(throttle, clock, () => MiB), flow(throttle, clock, () => 10 * KiB)]
  await clock.pass(2000)
  rate = 0
  await clock.pass(1000)
  const held = passed(flows)
  const wakeUps = clock.wakeUps
  await clock.pass(3_600_000)
  t.equal(passed(flows), held, 'not a byte in an hour')
  t.ok(clock.wakeUps - wakeUps <= 4 * 3600, 'few wake-ups')
  rate = 4 * MiB
  await clock.pass(1000)
  t.ok(passed(flows) - held > MiB, 'going again')
  t.ok(burstMsOf(flows, rate) <= 351, 'and without a burst')
  for (const each of flows) each.stop()
})

t.test('what was not used adds up to a quarter of a second, not more', async t => {
  const clock = testClock()
  const throttle = createThrottle(() => MiB, { clock })
  t.equal(throttle.pieceBytes(), 64 * KiB)
  await clock.pass(60_000)
  let isPassed = false
  await throttle.take(MiB / 4, never)
  const more = throttle.take(64 * KiB, never).then(() => {
    isPassed = true
  })
  await rest()
  t.notOk(isPassed)
  await clock.pass(100)
  t.ok(isPassed)
  await more
})

t.test('a transfer within two limits keeps to both', async t => {
  const clock = testClock()
  const global = createThrottle(() => 4 * MiB, { clock })
  const narrow = createThrottle(() => 512 * KiB, { within: global, clock })
  const wide = createThrottle(() => 100 * MiB, { within: global, clock })
  const open = createThrottle(() => null, { within: global, clock })
  const flows = [narrow, wide, open].map(throttle => flow(throttle, clock, () => 256 * KiB))
  await clock.pass(10_000)
  const rates = flows.map(({ bytes }) => bytes / 10 / MiB)
  t.ok(Math.abs((rates[0] as number) - 0.5) < 0.025, `${rates}`)
  t.ok(Math.abs((rates[1] as number) / (rates[2] as number) - 1) < 0.1, `${rates}`)
  t.ok(Math.abs(passed(flows) / 10 / MiB - 4) < 0.2, `${rates}`)
  for (const each of flows) each.stop()
})

t.test('who is aborted leaves the queue, and gives back what it had gathered', async t => {
  const clock = testClock()
  const throttle = createThrottle(() => MiB, { clock })
  const abort = new AbortController()
  const first = throttle.take(MiB, abort.signal)
  const rejected = t.rejects(first, { message: 'enough' })
  await clock.pass(200)
  let isPassed = false
  const second = throttle.take(180 * KiB, never).then(() => {
    isPassed = true
  })
  abort.abort(new Error('enough'))
  await rejected
  await rest()
  t.ok(isPassed, 'the second had no need to wait for its own')
  await second
  t.equal(clock.timers(), 0)
  await t.rejects(throttle.take(1, abort.signal), { message: 'enough' })
  const alone = new AbortController()
  const last = throttle.take(MiB, alone.signal)
  alone.abort(new Error('enough'))
  await t.rejects(last, { message: 'enough' })
  t.equal(clock.timers(), 0, 'nobody waits, no timer')
})

t.test(
  'a stream passes unchanged, in pieces of a tenth of a second, and is closed at the end of its reader',
  async t => {
    const clock = testClock()
    const chance = seeded(3)
    const chunks = Array.from({ length: 20 }, () =>
      Buffer.from(Array.from({ length: chance(60_000) }, () => chance(256))),
    )
    let isClosed = false
    async function* source() {
      try {
        yield* chunks
      } finally {
        isClosed = true
      }
    }
    const pieces: Buffer[] = []
    const throttle = createThrottle(() => 100_000, { clock })
    const read = (async () => {
      for await (const piece of paced(source(), throttle, never)) pieces.push(piece)
    })()
    await clock.pass(10_000)
    await read
    t.ok(Buffer.concat(chunks).equals(Buffer.concat(pieces)))
    t.ok(pieces.every(piece => piece.length <= 10_000))
    t.ok(isClosed)

    isClosed = false
    const abort = new AbortController()
    const cut = (async () => {
      for await (const _ of paced(
        source(),
        createThrottle(() => 0, { clock }),
        abort.signal,
      ))
        t.fail('held')
    })()
    await clock.pass(1000)
    abort.abort(new Error('enough'))
    await t.rejects(cut, { message: 'enough' })
    t.ok(isClosed)

    const whole: Buffer[] = []
    for await (const piece of paced(
      source(),
      createThrottle(() => null, { clock }),
      never,
    ))
      whole.push(piece)
    t.equal(whole.length, chunks.filter(chunk => chunk.length > 0).length, 'without a limit nothing is cut')
  },
)

t.test('in real time', async t => {
  const rate = 20 * MiB
  const throttle = createThrottle(() => rate)
  const clock = { nowMs: () => performance.now(), after: () => () => undefined }
  const flows = Array.from({ length: 4 }, () => flow(throttle, clock, () => 256 * KiB))
  const startedMs = performance.now()
  await new Promise(resolve => setTimeout(resolve, 2500))
  const ratio = passed(flows) / ((rate * (performance.now() - startedMs)) / 1000)
  for (const each of flows) each.stop()
  // Over 2.5 s, and on a machine that does other things: what 10 s must keep to 5 % is given 10.
  t.ok(ratio > 0.9 && ratio < 1.05, ratio.toFixed(4))
})
