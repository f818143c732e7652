// What leaves the appliance, over time: in words, and as a chart that is loaded when there is something to draw.
import { useEffect, useRef } from 'preact/hooks'
import { duration, rate } from '../format.ts'
import { live, type Sample } from '../live.ts'
import { h } from '../locale/en-dashboard.ts'
import { useStore } from '../store.ts'
import { Card } from '../ui/layout-parts.tsx'
import type { Chart } from './chart.ts'
import { summarize } from './throughput-summary.ts'

export function ThroughputCard() {
  const samples = useStore(live.samples)
  const { now, peak, average, seconds } = summarize(samples)
  const drawn = peak > 0
  return (
    <Card title={h.throughput}>
      <p>{drawn ? h.summary(rate(now), rate(peak), rate(average), duration(seconds)) : h.noThroughput}</p>
      {drawn && <Drawing samples={samples} />}
    </Card>
  )
}

/** The words above say the same: the picture is for eyes. */
function Drawing({ samples }: { samples: readonly Sample[] }) {
  const place = useRef<HTMLDivElement>(null)
  const chart = useRef<Chart | undefined>(undefined)
  const latest = useRef(samples)
  latest.current = samples
  useEffect(() => {
    let there = true
    import('./chart.ts').then(
      ({ drawChart }) => {
        if (there && place.current) chart.current = drawChart(place.current, latest.current)
      },
      // Without the chart the words are there.
      () => undefined,
    )
    return () => {
      there = false
      chart.current?.remove()
    }
  }, [])
  useEffect(() => chart.current?.show(samples), [samples])
  return <div class="chart" ref={place} role="img" aria-label={h.throughputLabel} />
}
