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
  const seconds = first && last ? last.at - first.at : 0
  let bytes = 0
  // Each stands for the time since the one before: those of the appliance are farther apart than those of the page.
  for (const [index, { at, bytesPerSecond }] of samples.entries()) {
    bytes += bytesPerSecond * (at - (samples[index - 1]?.at ?? at))
  }
  return {
    now: last?.bytesPerSecond ?? 0,
    peak: samples.reduce((highest, { bytesPerSecond }) => Math.max(highest, bytesPerSecond), 0),
    average: seconds > 0 ? bytes / seconds : (last?.bytesPerSecond ?? 0),
    seconds,
  }
}
