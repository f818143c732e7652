// What a page's work costs: CPU time of its main thread from mark to mark, out of Chromium's own trace.
import type { Page } from 'playwright-core'

/** The events of these give each task of each thread with its CPU time, and the marks. */
const categories = ['disabled-by-default-devtools.timeline', 'blink.user_timing']

/** As Chromium's JSON traces have them: microseconds; `tdur` is CPU time of the thread, which waiting does not count to. */
export interface TraceEvent {
  name: string
  ph: string
  pid: number
  tid: number
  ts: number
  dur?: number
  tdur?: number
}

/** Does `act` and says what came after each `performance.mark(mark)` of it until the next one, milliseconds of CPU time. */
export async function workPerMark(page: Page, mark: string, act: () => Promise<void>): Promise<number[]> {
  const browser = page.context().browser()
  if (!browser) throw new Error('A page without a browser cannot be traced')
  await browser.startTracing(page, { categories })
  let trace: Buffer
  try {
    await act()
  } finally {
    trace = await browser.stopTracing()
  }
  const { traceEvents } = JSON.parse(trace.toString()) as { traceEvents: TraceEvent[] }
  return workBetween(traceEvents, mark)
}

/** A mark belongs to the task that it was set in, which counts as a whole. */
export function workBetween(events: readonly TraceEvent[], mark: string): number[] {
  const marks = events.filter(({ name, ph }) => name === mark && (ph === 'I' || ph === 'R'))
  const [first] = marks
  if (!first) throw new Error(`The trace has no mark ${mark}`)
  const tasks = events
    .filter(({ name, ph, pid, tid }) => name === 'RunTask' && ph === 'X' && pid === first.pid && tid === first.tid)
    .toSorted((a, b) => a.ts - b.ts)
  if (tasks.every(({ tdur }) => tdur === undefined)) throw new Error('The trace has no CPU times')
  const times = marks.map(({ ts }) => ts).toSorted((a, b) => a - b)
  const work: number[] = []
  let seen = 0
  for (const { ts, dur = 0, tdur = 0 } of tasks) {
    while (seen < times.length && (times[seen] as number) <= ts + dur) {
      work.push(0)
      seen++
    }
    if (seen > 0) work[seen - 1] = (work[seen - 1] ?? 0) + tdur / 1000
  }
  return work
}
