// What benchmark "webui" sets going in the page: it marks keys and frames, and looks how long each takes.

export interface Watched {
  /** From the end of the answer of a path to the first row of a table, milliseconds. */
  firstRowsMs(path: string): number
  /** Those over 50 ms since the page began, milliseconds. */
  longTasksMs: number[]
  /** Milliseconds from the key or click to the end of the frame that shows what it did; and from frame to frame. */
  waitsMs: { input: number[]; frame: number[] }
  /** Looks at frames until what it returns is called. */
  frames(): () => void
  forget(): void
}

declare global {
  var watched: Watched
}

/** Runs in the page, before anything else; sets the marks `input` and `frame`. */
export function watchPage(): void {
  let firstRowAtMs = Number.POSITIVE_INFINITY
  const watched: Watched = {
    firstRowsMs(path) {
      const asked = performance.getEntriesByType('resource').find(({ name }) => name.includes(path))
      return firstRowAtMs - ((asked as PerformanceResourceTiming | undefined)?.responseEnd ?? Number.NaN)
    },
    longTasksMs: [],
    waitsMs: { input: [], frame: [] },
    frames() {
      let last: number | undefined
      let goesOn = true
      const look = () => {
        if (!goesOn) return
        performance.mark('frame')
        const now = performance.now()
        if (last !== undefined) watched.waitsMs.frame.push(now - last)
        last = now
        requestAnimationFrame(look)
      }
      requestAnimationFrame(look)
      return () => {
        goesOn = false
      }
    },
    forget() {
      watched.waitsMs = { input: [], frame: [] }
    },
  }
  globalThis.watched = watched
  new MutationObserver((_changes, observer) => {
    if (document.querySelector('.table tbody tr:not(.spacer)') === null) return
    firstRowAtMs = performance.now()
    observer.disconnect()
  }).observe(document, { childList: true, subtree: true })
  new PerformanceObserver(list => {
    for (const { duration } of list.getEntries()) watched.longTasksMs.push(duration)
  }).observe({ type: 'longtask', buffered: true })
  document.addEventListener(
    'input',
    event => {
      performance.mark('input')
      requestAnimationFrame(() => {
        // After the frame's drawing a message comes first.
        const { port1, port2 } = new MessageChannel()
        port1.onmessage = () => watched.waitsMs.input.push(performance.now() - event.timeStamp)
        port2.postMessage(undefined)
      })
    },
    { capture: true },
  )
}
