// What is live in a real browser: jobs in two browsers at once, and the throughput of the last hour, through a reload.
import type { Page } from 'playwright-core'
import t from 'tap'
import { type Journey, shoot, startJourney } from './browser.ts'

const mebibyte = 1024 * 1024
let journey: Journey

t.before(async () => {
  journey = await startJourney({
    vms: [
      { name: 'web01', disks: [{ sizeBytes: 4 * mebibyte, seed: 1 }] },
      { name: 'db01', disks: [{ sizeBytes: 4 * mebibyte, seed: 2 }] },
      { name: 'big01', disks: [{ sizeBytes: 64 * mebibyte, kind: 'noise', seed: 3 }] },
    ],
  })
  await journey.site.setUp()
  await journey.claim()
})
t.teardown(() => journey.stop())

t.test('a job that one browser makes, pauses, resumes and deletes is seen by the other as it happens', async t => {
  const [one, other] = [await journey.open(), await journey.open({ theme: 'dark' })]
  await journey.signIn(other, '/jobs')
  await other.getByRole('heading', { name: 'Jobs', level: 1 }).waitFor()
  await journey.signIn(one, '/servers')
  // A reload would lose it.
  await other.evaluate(() => Object.assign(globalThis, { neverReloaded: true }))
  const row = other.getByRole('row', { name: /db01/ })
  t.equal(await row.count(), 0)

  await one.getByLabel('Select db01', { exact: true }).check()
  await one.getByRole('button', { name: 'Create 1 job' }).click()
  const next = one.getByRole('button', { name: 'Next' })
  await next.click()
  await one.getByRole('heading', { name: 'Licence', level: 2 }).waitFor()
  await next.click()
  await one.getByRole('heading', { name: 'Schedule', level: 2 }).waitFor()
  await one.getByLabel('Again and again').check()
  await next.click()
  await one.getByRole('heading', { name: 'Image', level: 2 }).waitFor()
  await next.click()
  await one.getByRole('heading', { name: 'Review', level: 2 }).waitFor()
  await one.getByRole('button', { name: 'Create 1 job' }).click()
  await row.waitFor()
  await row.getByText('Succeeded').waitFor({ timeout: 60_000 })
  await row.getByText('Active').waitFor()
  const nextRun = row.getByText(/\d{4}, \d\d:\d\d CET/)
  await nextRun.waitFor()
  t.pass('the other browser has it, its run and the time of the next')

  await one.getByRole('link', { name: 'Jobs' }).click()
  await one.getByRole('link', { name: 'db01' }).click()
  await one.getByRole('button', { name: 'Pause' }).click()
  await row.getByText('Paused').waitFor()
  await nextRun.waitFor({ state: 'detached' })
  await one.getByRole('button', { name: 'Resume' }).click()
  await row.getByText('Active').waitFor()
  await nextRun.waitFor()
  await one.getByRole('button', { name: 'Delete', exact: true }).click()
  await one.getByRole('dialog').getByRole('button', { name: 'Delete job' }).click()
  await row.waitFor({ state: 'detached' })
  t.equal(await other.evaluate(() => 'neverReloaded' in globalThis), true, 'without a reload')
})

t.test('the throughput of the last hour is there after a reload, in words and as a chart', async t => {
  await journey.site.lab.vcenterControl('POST', '/shape', { bytesPerSecond: 4 * mebibyte })
  t.teardown(() => journey.site.lab.vcenterControl('POST', '/shape', {}))
  const page = await journey.open()
  await journey.signIn(page)
  const card = page.getByRole('region', { name: 'Throughput' })
  const rates = async () => {
    const words = await card.getByText(/^Now /).innerText()
    return /^Now (.+)\. Highest (.+), on average (.+) in the last (.+)\.$/.exec(words)?.slice(1) ?? []
  }
  const run = await journey.site.begin('big01')
  await card.getByText(/^Now \d+(\.\d)? [KM]iB\/s\. Highest/).waitFor()
  await card.getByRole('img', { name: 'Throughput of all runs in the last hour' }).locator('canvas').waitFor()
  await shoot(page, 'wide-light-dashboard-throughput')
  await journey.site.until(run.id, ({ state }) => state !== 'uploading' && state !== 'scheduled')
  // The appliance ends a sample every ten seconds.
  const measured = () => journey.site.call<{ samples: { bytesPerSecond: number }[] }>('GET', '/api/throughput')
  while (!(await measured()).body.samples.some(({ bytesPerSecond }) => bytesPerSecond > mebibyte))
    await page.waitForTimeout(200)
  await card.getByText(/^Now 0 B\/s\. Highest/).waitFor()

  await page.reload()
  await card.getByText(/^Now 0 B\/s\. Highest \d+(\.\d)? [KM]iB\/s/).waitFor()
  const [now, highest, average, span] = await rates()
  t.equal(now, '0 B/s')
  t.match(highest, /MiB\/s$/, 'what was read before the reload')
  t.match(average, /[KM]iB\/s$/)
  t.match(span, /^\d+ (s|min)/)
  await card.locator('canvas').waitFor()

  t.ok((await drawnInAccent(page)) > 50, 'a line is drawn, in a colour that can be seen')

  const second = await journey.open({ theme: 'dark' })
  await journey.signIn(second)
  await second
    .getByRole('region', { name: 'Throughput' })
    .getByText(/Highest \d+(\.\d)? MiB\/s/)
    .waitFor()
  await second.getByRole('region', { name: 'Throughput' }).locator('canvas').waitFor()
  t.ok((await drawnInAccent(second)) > 50, 'and a browser that comes later sees it, too, in the dark')
  await shoot(second, 'wide-dark-dashboard-throughput')
})

/** Pixels of the chart that have the colour of the page's links. */
async function drawnInAccent(page: Page): Promise<number> {
  return await page.evaluate(() => {
    const canvas = document.querySelector('canvas')
    const link = document.querySelector('main a')
    if (!canvas || !link) return 0
    const [red = 0, green = 0, blue = 0] = (getComputedStyle(link).color.match(/\d+/g) ?? []).map(Number)
    const { data } = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height) ?? { data: [] }
    let count = 0
    for (let at = 0; at < data.length; at += 4) {
      const near = (value: number, of: number) => Math.abs((data[at + of] ?? 0) - value) < 12
      if (near(red, 0) && near(green, 1) && near(blue, 2) && (data[at + 3] ?? 0) > 200) count++
    }
    return count
  })
}
