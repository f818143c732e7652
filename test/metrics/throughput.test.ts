// The hour of throughput that the dashboard draws.
import t from 'tap'
import type { Run } from '../../appliance/domain.ts'
import { ThroughputHistory } from '../../appliance/metrics/throughput.ts'
import { sampleRun } from '../store/samples.ts'

function history() {
  let nowMs = Date.parse('2026-03-01T10:00:00Z')
  const throughput = new ThroughputHistory(() => new Date(nowMs))
  return {
    throughput,
    /** Ends a sample after so many seconds. */
    after(seconds: number) {
      nowMs += seconds * 1000
      throughput.sample()
    },
    rates: () => throughput.view().samples.map(({ bytesPerSecond }) => bytesPerSecond),
  }
}

const [disk] = sampleRun(1).disks
if (!disk) throw new Error('The sample has no disk')

function reading(number: number, readBytes: number[], changes: Partial<Run> = {}): Run {
  const disks = readBytes.map((bytes, key) => ({ ...disk, key, readBytes: bytes }) as Run['disks'][number])
  const { endedAt: _endedAt, ...run } = sampleRun(number, { state: 'uploading', disks })
  return { ...run, ...changes }
}

t.test('what all runs have read since the last sample is averaged over it', async t => {
  const { throughput, after, rates } = history()
  throughput.observe(reading(1, [0, 0]))
  throughput.observe(reading(1, [600, 200]))
  throughput.observe(reading(2, [0]))
  throughput.observe(reading(2, [200]))
  after(10)
  throughput.observe(reading(1, [600, 700]))
  after(5)
  after(10)
  t.strictSame(rates(), [100, 100, 0])
  t.match(throughput.view(), {
    now: '2026-03-01T10:00:25.000Z',
    samples: [{ at: '2026-03-01T10:00:10.000Z', seconds: 10 }, { seconds: 5 }, { seconds: 10 }],
  })
})

t.test('what was read before a restart, or is read again, is not counted', async t => {
  const { throughput, after, rates } = history()
  throughput.observe(reading(1, [5000]))
  throughput.observe(reading(1, [0]))
  throughput.observe(reading(1, [100]))
  after(10)
  t.strictSame(rates(), [10])
})

t.test('a run that has ended counts its last bytes, and is forgotten', async t => {
  const { throughput, after, rates } = history()
  throughput.observe(reading(1, [0]))
  throughput.observe(reading(1, [100], { endedAt: '2026-03-01T10:00:00Z' }))
  // As the first note of it.
  throughput.observe(reading(1, [900]))
  after(10)
  t.strictSame(rates(), [10])
})

t.test('an hour is kept, and a clock that is set back leaves no sample', async t => {
  const { after, rates } = history()
  for (let number = 0; number < 400; number++) after(10)
  t.equal(rates().length, 360)
  after(-100)
  t.equal(rates().length, 360)
  t.ok(rates().every(Number.isFinite))
})
