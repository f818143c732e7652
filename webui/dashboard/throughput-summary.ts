// The chart in numbers, for its words. Pure.
import type { Sample } from '../live.ts'

export interface ThroughputSummary {
  now: number
  peak: number
  average: number
  seconds: number
}

export function summarize(samples: readonly Sample[]): ThroughputSummary {
  const rates = samples.map(({ bytesPerSecond }) => bytesPerSecond)
  const first = samples[0]
  const last = samples.at(-1)
  return {
    now: last?.bytesPerSecond ?? 0,
    peak: rates.reduce((highest, value) => Math.max(highest, value), 0),
    average: rates.length === 0 ? 0 : rates.reduce((sum, value) => sum + value, 0) / rates.length,
    seconds: first && last ? last.at - first.at : 0,
  }
}
