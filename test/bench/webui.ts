// Benchmark "webui": long lists of servers in a real browser: first rows, a keystroke, a tick, scrolling.
import { availableParallelism, loadavg } from 'node:os'
import type { Page } from 'playwright-core'
import { startJourney } from '../journeys/browser.ts'
import { type BenchOptions, type BenchResult, formatTable, median, progress } from './measure.ts'
import { workPerMark } from './page-work.ts'
import { watchPage } from './webui-watch.ts'

/** The targets, milliseconds: for the slowest of all, seen with the eyes of the user. */
const targetsMs = { firstRows: 1000, keystroke: 50, frame: 100 } as const
const defaultServers = 10_000
const words = ['vm-09', 'debian', '00042', 'windows 2019', 'esx1']
/** Between two keys, milliseconds: 200 words a minute. */
const keyPauseMs = 60
/** From one end of the list to the other: every frame shows other rows, as when the scroll bar is dragged. */
const dragFrames = 180
const wheelTurns = 60
/** Pixels: three notches at once, a fast turn. */
const wheelStep = 300

/** What was done, how long one waited for each (wall clock), and what of it the page itself worked (CPU time). */
interface Lap {
  what: string
  targetMs?: number
  wallMs: number[]
  cpuMs: number[]
}

/** `servers`: how many the catalog holds. */
export async function benchWebui(options: BenchOptions & { servers?: number }): Promise<BenchResult> {
  const { runs, seed, signal, servers = defaultServers } = options
  progress(`making a catalog of ${servers} servers (seed ${seed})`)
  const journey = await startJourney({ seed, generatedVms: servers })
  const laps: Lap[] = []
  const each: { load: number; figures: Figures[] }[] = []
  try {
    await journey.site.setUp()
    await journey.claim()
    for (let number = 1; number <= runs; number++) {
      signal.throwIfAborted()
      const page = await journey.open()
      await page.addInitScript(watchPage)
      const loadBefore = loadavg()[0] ?? 0
      const control = await emptyPage(page)
      await journey.signIn(page, '/servers')
      const measured = [control, ...(await measure(page, servers))]
      laps.push(...measured)
      const load = round(Math.max(loadBefore, loadavg()[0] ?? 0))
      const worst = Object.fromEntries(measured.map(({ what, wallMs }) => [what, round(Math.max(...wallMs))]))
      each.push({ load, figures: measured.map(one => figuresOf(one.what, [one])) })
      progress(`run ${number}, load ${load}: ${JSON.stringify(worst)}`)
      await page.context().close()
    }
  } finally {
    await journey.stop()
  }
  const figures = Map.groupBy(laps, ({ what }) => what)
    .entries()
    .map(([what, all]) => figuresOf(what, all))
    .toArray()
  if (!options.json) process.stdout.write(`${formatTable(figures.map(rowOf))}\n`)
  // The worst of all runs: a stutter is one however seldom it comes.
  const ok = figures.every(({ targetMs = Number.POSITIVE_INFINITY, wallMs }) => wallMs.max <= targetMs)
  const worst = (pattern: RegExp, time: 'wallMs' | 'cpuMs') =>
    Math.max(...figures.filter(({ what }) => pattern.test(what)).map(one => one[time]?.max ?? 0))
  return {
    scenario: 'webui',
    ok,
    peer: 'none',
    seed,
    servers,
    cores: availableParallelism(),
    load: Math.max(...each.map(({ load }) => load)),
    firstRowsMs: worst(/^firstRows/, 'wallMs'),
    keystrokeMs: worst(/keystroke$/, 'wallMs'),
    keystrokeCpuMs: worst(/keystroke$/, 'cpuMs'),
    frameMs: worst(/frame,/, 'wallMs'),
    frameCpuMs: worst(/frame,/, 'cpuMs'),
    runs: each.map(one => ({ ...one })),
  }
}

async function measure(page: Page, servers: number): Promise<Lap[]> {
  await page.getByText(`${servers.toLocaleString('en')} servers`, { exact: true }).waitFor({ timeout: 60_000 })
  const start = await page.evaluate(() => ({
    firstRowsMs: globalThis.watched.firstRowsMs('/api/servers'),
    // Rows stand there, and somebody types already.
    longestTaskMs: Math.max(0, ...globalThis.watched.longTasksMs),
  }))
  return [
    { what: 'firstRows', targetMs: targetsMs.firstRows, wallMs: [start.firstRowsMs], cpuMs: [] },
    { what: 'taskWhileReading', wallMs: [start.longestTaskMs], cpuMs: [] },
    ...(await typeAndScroll(page, '')),
    await lap(page, 'selectAll', 'input', () => ticks(page, `Select all ${servers.toLocaleString('en')}`)),
    await lap(page, 'selectOne', 'input', () => ticks(page, /^Select (?!all)/)),
    ...(await wizard(page)),
  ]
}

/** The same list in the wizard that makes jobs, with all servers selected. */
async function wizard(page: Page): Promise<Lap[]> {
  await page.getByLabel(/^Select all/).check()
  await page.getByRole('button', { name: /^Create .* jobs$/ }).click()
  await page.getByRole('heading', { name: 'Servers', level: 2 }).waitFor()
  return await typeAndScroll(page, 'wizard: ')
}

async function typeAndScroll(page: Page, where: string): Promise<Lap[]> {
  const { keystroke, frame } = targetsMs
  return [
    { ...(await lap(page, `${where}keystroke`, 'input', () => typeWords(page))), targetMs: keystroke },
    { ...(await lap(page, `${where}frame, dragging`, 'frame', () => drag(page))), targetMs: frame },
    { ...(await lap(page, `${where}frame, wheel`, 'frame', () => turnWheel(page))), targetMs: frame },
  ]
}

/** Twice, as a trace costs time too: by the clock without it, CPU time with it. */
async function lap(page: Page, what: string, kind: 'input' | 'frame', act: () => Promise<void>): Promise<Lap> {
  await page.evaluate(() => globalThis.watched.forget())
  await act()
  const wallMs = await page.evaluate(kind => globalThis.watched.waitsMs[kind], kind)
  if (wallMs.length === 0) throw new Error(`Nothing was measured: ${what}`)
  return { what, wallMs, cpuMs: await workPerMark(page, kind, act) }
}

/** What the machine itself does to frames at this time: with nothing in the page but a colour that changes. */
async function emptyPage(page: Page): Promise<Lap> {
  await page.goto('about:blank')
  return await lap(page, 'frame of an empty page', 'frame', () =>
    page.evaluate(async frames => {
      const stop = globalThis.watched.frames()
      for (let count = 0; count <= frames; count++) {
        document.body.style.background = count % 2 === 0 ? 'white' : 'black'
        await new Promise(resolve => requestAnimationFrame(resolve))
      }
      stop()
    }, dragFrames),
  )
}

/** By the keyboard alone: what finds and checks fields for a test would work in the page too. */
async function typeWords(page: Page): Promise<void> {
  await page.getByLabel('Search by name').focus()
  for (const word of words) {
    await page.keyboard.type(word, { delay: keyPauseMs })
    await page.keyboard.press('Control+A')
    await page.keyboard.press('Backspace', { delay: keyPauseMs })
  }
}

async function ticks(page: Page, name: string | RegExp): Promise<void> {
  const box = page.getByLabel(name).first()
  await box.focus()
  for (let count = 0; count < 6; count++) await page.keyboard.press('Space', { delay: keyPauseMs })
}

async function drag(page: Page): Promise<void> {
  const missed = await page.evaluate(async frames => {
    const frame = document.querySelector('.table-frame')
    const body = frame?.querySelector('tbody')
    if (!frame || !body) throw new Error('There is no table')
    const rows = Number(frame.querySelector('table')?.ariaRowCount) - 1
    const indexOf = (row: Element | null | undefined) => Number(row?.ariaRowIndex) - 2
    const end = frame.scrollHeight - frame.clientHeight
    let missed = 0
    const stop = globalThis.watched.frames()
    for (let count = 0; count <= frames; count++) {
      const top = (end * count) / frames
      frame.scrollTop = top
      await new Promise(resolve => requestAnimationFrame(resolve))
      // Fast because nothing is drawn would be no merit: the row at the top of the view must be there in this frame.
      const wanted = Math.min(rows - 1, Math.floor((top / frame.scrollHeight) * (rows + 1)))
      const first = indexOf(body.querySelector('tr:not(.spacer)'))
      if (!(first <= wanted && wanted <= indexOf(body.lastElementChild))) missed++
    }
    stop()
    frame.scrollTop = 0
    return missed
  }, dragFrames)
  if (missed > 0) throw new Error(`${missed} frames of ${dragFrames} did not show where one had scrolled to`)
}

async function turnWheel(page: Page): Promise<void> {
  await page.locator('.table-frame').hover()
  const stop = await page.evaluateHandle(() => globalThis.watched.frames())
  for (let count = 0; count < wheelTurns; count++) await page.mouse.wheel(0, wheelStep)
  const top = await stop.evaluate(stop => {
    stop()
    return document.querySelector('.table-frame')?.scrollTop ?? 0
  })
  if (top === 0) throw new Error('The wheel has moved nothing')
}

const round = (value: number) => Math.round(value * 10) / 10

interface Spread {
  median: number
  p95: number
  max: number
}

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const p95 = sorted[Math.ceil(sorted.length * 0.95) - 1] ?? Number.NaN
  return { median: round(median(sorted)), p95: round(p95), max: round(sorted.at(-1) ?? Number.NaN) }
}

interface Figures {
  what: string
  count: number
  targetMs?: number
  wallMs: Spread
  cpuMs?: Spread
}

function figuresOf(what: string, laps: readonly Lap[]): Figures {
  const targetMs = laps[0]?.targetMs
  const wallMs = laps.flatMap(one => one.wallMs)
  const cpuMs = laps.flatMap(one => one.cpuMs)
  return {
    what,
    count: wallMs.length,
    ...(targetMs === undefined ? {} : { targetMs }),
    wallMs: spread(wallMs),
    ...(cpuMs.length === 0 ? {} : { cpuMs: spread(cpuMs) }),
  }
}

const spreadWords = ({ median, p95, max }: Spread) => [median, p95, max].join(' / ')

function rowOf({ what, targetMs, wallMs, cpuMs }: Figures): Record<string, string> {
  return {
    'median / p95 / max, ms': what,
    wall: spreadWords(wallMs),
    target: targetMs === undefined ? '' : `max ${targetMs}`,
    'CPU of the main thread': cpuMs ? spreadWords(cpuMs) : '',
  }
}
