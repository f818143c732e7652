// The throughput chart: uPlot, in the page's colours.
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { rate } from '../format.ts'
import type { Sample } from '../live.ts'
import { theme } from '../theme.ts'

export interface Chart {
  show(samples: readonly Sample[]): void
  remove(): void
}

const height = 180

/** Draws into an element, as wide as it is, and follows its width and the theme. */
export function drawChart(element: HTMLElement, samples: readonly Sample[]): Chart {
  let shown = samples
  let plot = make()
  const redraw = () => {
    plot.destroy()
    plot = make()
  }
  const sizes = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }))
  sizes.observe(element)
  // Canvas knows no CSS variables: with other colours it is made anew.
  const unfollow = theme.follow(() => setTimeout(redraw))
  const dark = matchMedia('(prefers-color-scheme: dark)')
  dark.addEventListener('change', redraw)

  function make(): uPlot {
    const style = getComputedStyle(element)
    const colour = style.color
    const axis = {
      stroke: colour,
      grid: { stroke: 'rgb(128 128 128 / 0.25)', width: 1 },
      ticks: { show: false },
      font: '12px system-ui',
    }
    return new uPlot(
      {
        width: element.clientWidth,
        height,
        cursor: { show: false },
        legend: { show: false },
        scales: { y: { range: (_plot, _low, high) => [0, Math.max(high, 1024)] } },
        axes: [
          {
            ...axis,
            space: 80,
            size: 26,
            label: zoneOf(new Date()),
            labelSize: 18,
            labelFont: axis.font,
            values: (_plot, values) => values.map(clockOf),
          },
          { ...axis, size: 84, values: (_plot, values) => values.map(value => rate(value)) },
        ],
        series: [{}, { stroke: style.accentColor, width: 1.5, points: { show: false } }],
      },
      dataOf(shown),
      element,
    )
  }

  return {
    show(next) {
      shown = next
      plot.setData(dataOf(next))
    },
    remove() {
      sizes.disconnect()
      unfollow()
      dark.removeEventListener('change', redraw)
      plot.destroy()
    },
  }
}

const clock = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
})
const clockOf = (seconds: number) => clock.format(seconds * 1000)
const zoneName = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'short' })
const zoneOf = (at: Date) => zoneName.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value ?? ''

export function dataOf(samples: readonly Sample[]): [number[], number[]] {
  return [samples.map(({ at }) => at), samples.map(({ bytesPerSecond }) => bytesPerSecond)]
}
