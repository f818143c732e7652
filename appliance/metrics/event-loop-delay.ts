// How late the event loop runs, as a Prometheus histogram over the whole life of the process.
import { monitorEventLoopDelay } from 'node:perf_hooks'

/** One look in 20 ms costs nothing that can be measured, and sees every delay that a user could. */
const resolutionMs = 20

/** Upper bounds, seconds. Below 5 ms lies the timer's own noise; above 10 s everything has timed out. */
const boundsSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

const name = 'hoist_event_loop_delay_seconds'

/** What is needed of Node's histogram of intervals, nanoseconds. */
export type Intervals = Pick<ReturnType<typeof monitorEventLoopDelay>, 'count' | 'mean' | 'percentile'>

export interface EventLoopDelay {
  /** The histogram in Prometheus' text format: prom-client's own could only be fed sample by sample, and Node keeps them already. */
  text(): string
  close(): void
}

export function watchEventLoopDelay(): EventLoopDelay {
  const intervals = monitorEventLoopDelay({ resolution: resolutionMs })
  intervals.enable()
  return { text: () => delayText(intervals, resolutionMs), close: () => void intervals.disable() }
}

/** Node counts whole intervals between two looks; what they exceed the intended one by is the delay. */
export function delayText(intervals: Intervals, intendedMs: number): string {
  const { count } = intervals
  const buckets: string[] = []
  let below = 0
  for (const bound of boundsSeconds) {
    below = countUpTo(intervals, (bound * 1000 + intendedMs) * 1e6, below)
    buckets.push(`${name}_bucket{le="${bound}"} ${below}`)
  }
  const sumSeconds = count === 0 ? 0 : Math.max(0, count * (intervals.mean / 1e9 - intendedMs / 1000))
  return [
    `# HELP ${name} How much later than intended the event loop came round.`,
    `# TYPE ${name} histogram`,
    ...buckets,
    `${name}_bucket{le="+Inf"} ${count}`,
    `${name}_sum ${sumSeconds}`,
    `${name}_count ${count}`,
    '',
  ].join('\n')
}

/** How many intervals are at most this long: the largest rank whose value is. The search starts at a rank that is known to be. */
function countUpTo(intervals: Intervals, nanoseconds: number, known: number): number {
  const { count } = intervals
  let low = known
  let high = count
  while (low < high) {
    const rank = Math.ceil((low + high) / 2)
    // A quarter below the rank: where HdrHistogram finds this rank and no neighbour, whether it rounds to the nearest or up.
    if (intervals.percentile((100 * (rank - 0.25)) / count) <= nanoseconds) low = rank
    else high = rank - 1
  }
  return low
}
