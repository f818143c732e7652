// A list far longer than the window: what a keyboard and a screen reader meet while its rows are drawn as they are needed.
import type { Page } from 'playwright-core'
import t from 'tap'
import { type Journey, startJourney } from './browser.ts'

const servers = 400
let journey: Journey
let page: Page
t.before(async () => {
  journey = await startJourney({ seed: 5, generatedVms: servers })
  await journey.site.setUp()
  await journey.claim()
  page = await journey.open()
  await journey.signIn(page, '/servers')
  await page.getByText(`${servers} servers`, { exact: true }).waitFor()
})
t.teardown(() => journey.stop())

/** Numbers and names of the rows in the document, from top to bottom. */
const drawn = () =>
  page.evaluate(() =>
    [...document.querySelectorAll('.table tbody tr:not(.spacer)')].map(row => ({
      index: Number(row.getAttribute('aria-rowindex')),
      name: row.querySelector('th')?.textContent ?? '',
      box: row.querySelector('input')?.getAttribute('aria-label') ?? '',
      picked: row.querySelector('input')?.checked,
      selected: row.getAttribute('aria-selected'),
    })),
  )

async function scrollTo(row: number): Promise<void> {
  await page.locator('.table-frame').evaluate((frame, top) => {
    frame.scrollTop = top
  }, row * 36)
  // Counted from 1, with the head as the first.
  await page.locator(`tr[aria-rowindex="${row + 2}"]`).waitFor()
}

/** Presses a key that scrolls the table, until it is at rest: the browser takes its time, and would go on past `scrollTo`. */
async function scrollBy(key: string): Promise<void> {
  const table = await page.locator('.table-frame').evaluateHandle(frame => ({
    atRest: new Promise<boolean>(resolve => {
      frame.addEventListener('scrollend', () => resolve(true), { once: true })
      setTimeout(() => resolve(false), 30_000)
    }),
  }))
  await page.keyboard.press(key)
  if (!(await table.evaluate(({ atRest }) => atRest))) throw new Error(`${key} did not scroll the table`)
}

t.test('rows say which of how many they are, in order, wherever one scrolls', async t => {
  t.equal(await page.locator('table').getAttribute('aria-rowcount'), String(servers + 1))
  const all = new Map<number, string>()
  for (const row of [0, 5, 200, 190, 399, 100, 0]) {
    await scrollTo(row)
    const rows = await drawn()
    t.ok(rows.length < 60, `${rows.length} rows are drawn`)
    rows.forEach((one, at) => {
      t.equal(one.index, (rows[0]?.index ?? 0) + at, 'one after the other')
      t.equal(one.box, `Select ${one.name}`, 'each box is of its row')
      t.equal(all.get(one.index) ?? one.name, one.name, 'a place always shows the same server')
      all.set(one.index, one.name)
    })
  }
})

t.test('a tick stays with its server, though rows out of sight are drawn no more', async t => {
  await scrollTo(0)
  const [first] = await drawn()
  await page.getByLabel(first?.box ?? '', { exact: true }).check()
  await scrollTo(200)
  t.ok(
    (await drawn()).every(({ picked, selected }) => picked === false && selected === 'false'),
    'no other is ticked',
  )
  await scrollTo(0)
  t.match((await drawn())[0], { name: first?.name, picked: true, selected: 'true' })
  await page.getByRole('button', { name: 'Clear selection' }).click()
})

t.test('when the row with the focus leaves, the table has it, and no other row', async t => {
  await scrollTo(0)
  const [, second] = await drawn()
  await page.getByLabel(second?.box ?? '', { exact: true }).focus()
  await scrollTo(300)
  t.equal(await page.evaluate(() => document.activeElement?.className), 'table-frame')
  await scrollBy('Space')
  t.ok(
    (await drawn()).every(({ picked }) => picked === false),
    'a key for one server does not reach another',
  )
  await scrollTo(100)
  const above = (await drawn())[0]?.index ?? 0
  await scrollBy('PageDown')
  t.ok(((await drawn())[0]?.index ?? 0) > above, 'its keys scroll it')
})

t.test('all that a search has found can be ticked at once, and nothing else', async t => {
  const [{ name = '' } = {}] = await drawn()
  const word = name.slice(0, -1)
  await page.getByLabel('Search by name').fill(word)
  const box = page.getByLabel(/^Select all/)
  const found = Number(/\d+/.exec((await box.getAttribute('aria-label')) ?? '')?.[0])
  t.ok(found > 0 && found < servers, `${found} found`)
  await box.check()
  await page.getByText(`${found} selected`, { exact: true }).waitFor()
  await page.getByLabel('Search by name').fill('')
  await page.getByText(`${servers} servers`, { exact: true }).waitFor()
  t.equal(await box.isChecked(), false)
  t.equal(await box.evaluate(one => (one as HTMLInputElement).indeterminate), true)
})
