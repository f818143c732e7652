// The chart in numbers, for its words. Pure.
import type { Sample } from '../live.ts'

export interface ThroughputSummary {
  now: number
  peak: number
  average: number
  seconds: number
}

export function summarize(samples: readonly Sample[]): ThroughputSummary {
  const first = samples[0]
  const last = samples.at(-1)
  let bytes = 0
  let measured = 0
  // Those of the appliance are longer than those of the page; while the page slept there are none.
  for (const { seconds, bytesPerSecond } of samples) {
    bytes += bytesPerSecond * seconds
    measured += seconds
  }
  return {
    now: last?.bytesPerSecond ?? 0,
    peak: samples.reduce((highest, { bytesPerSecond }) => Math.max(highest, bytesPerSecond), 0),
    average: measured > 0 ? bytes / measured : 0,
    seconds: first && last ? last.at - first.at + first.seconds : 0,
  }
}
