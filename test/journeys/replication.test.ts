// From the selection of servers to their images in a real browser: live, through failures, a lost stream and two browsers.
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { type Journey, shoot, startJourney } from './browser.ts'

const mebibyte = 1024 * 1024
let journey: Journey

t.before(async () => {
  journey = await startJourney({
    vms: [
      {
        name: 'web01',
        disks: [
          { sizeBytes: 16 * mebibyte, seed: 1 },
          { sizeBytes: 8 * mebibyte, seed: 2 },
        ],
      },
      { name: 'db01', disks: [{ sizeBytes: 8 * mebibyte, seed: 3 }] },
      { name: 'bad01', disks: [{ sizeBytes: 4 * mebibyte, seed: 4 }] },
      { name: 'late01', disks: [{ sizeBytes: 4 * mebibyte, seed: 5 }] },
      { name: 'slow01', disks: [{ sizeBytes: 64 * mebibyte, seed: 6, kind: 'noise' }] },
      { name: 'cluster-a', disks: [{ sizeBytes: 4 * mebibyte, seed: 7, sharing: 'multiWriter' }] },
    ],
    generatedVms: 40,
  })
  await journey.site.setUp()
  await journey.claim()
})
t.teardown(() => journey.stop())

t.test('a job goes from the selection to an AMI, live', async t => {
  const page = await journey.open()
  await journey.signIn(page, '/servers')
  const search = page.getByLabel('Search by name')
  for (const name of ['web01', 'db01', 'cluster-a']) {
    await search.fill(name)
    await page.getByLabel(`Select ${name}`, { exact: true }).check()
  }
  await page.getByRole('button', { name: 'Create 3 jobs' }).click()
  await page.getByText('1 selected server cannot be replicated as it is').waitFor()
  const next = page.getByRole('button', { name: 'Next' })
  for (const step of ['Licence', 'Schedule', 'Image', 'Review']) {
    await next.click()
    await page.getByRole('heading', { name: step, level: 2 }).waitFor()
  }
  await page.getByText('Each is a full run: 32 MiB to read from 2 servers with 3 disks.').waitFor()
  await page.getByText('2 servers: db01, web01.').waitFor()
  await page.getByRole('button', { name: 'Create 2 jobs' }).click()
  await page.getByRole('heading', { name: 'Runs', level: 1 }).waitFor()
  await page.getByRole('link', { name: 'web01' }).click()
  await page.getByText('Creating image: Done').waitFor({ timeout: 60_000 })
  const image = await page.locator('code', { hasText: /^ami-/ }).first().innerText()
  const images = await journey.site.call<{ items: { imageId?: string }[] }>('GET', '/api/runs')
  t.ok(
    images.body.items.some(({ imageId }) => imageId === image),
    'the page shows the image that the run made',
  )
  await page.getByRole('link', { name: 'Images' }).click()
  await page.getByText(image).waitFor()
})

t.test('a failed run says code, cause and what to do, and Retry makes it good', async t => {
  await journey.site.lab.awsControl('POST', '/imports', { next: { fail: 'ClientError: Unsupported kernel version' } })
  const failed = await journey.site.replicate('bad01')
  t.equal(failed.state, 'failed')
  const page = await journey.open()
  await journey.signIn(page, `/runs/${failed.id}`)
  const alert = page.getByRole('alert')
  await alert.getByText(failed.failure?.code ?? '').waitFor()
  await alert.getByText(failed.failure?.message ?? '').waitFor()
  await alert.getByText(failed.failure?.hint ?? '').waitFor()
  await shoot(page, 'wide-light-failed-run')
  await alert.getByRole('button', { name: 'Retry' }).click()
  await page.waitForURL(url => !url.pathname.endsWith(failed.id))
  await page.getByText('Creating image: Done').waitFor({ timeout: 60_000 })
})

t.test('a stream that breaks is taken up again, and nothing is missed meanwhile', async t => {
  const page = await journey.open()
  await journey.signIn(page, '/runs')
  await page.getByRole('link', { name: 'web01' }).waitFor()
  // The server lets go of every connection, and the way back is closed for a while.
  await page.route('**/api/events', route => route.abort())
  journey.site.app.api.server.closeAllConnections()
  await page.getByText('Live updates are interrupted').waitFor()
  const run = await journey.site.replicate('late01')
  t.equal(await page.getByRole('link', { name: 'late01' }).count(), 0, 'the page knows nothing of it')
  await page.unroute('**/api/events')
  const row = page.getByRole('row', { name: /late01/ })
  await row.getByText('Succeeded').waitFor()
  await page.getByText('Live updates are interrupted').waitFor({ state: 'detached' })
  t.equal(run.state, 'succeeded')
})

t.test('what one browser does the other sees; Cancel ends a run that goes on', async t => {
  const [one, other] = [await journey.open(), await journey.open({ theme: 'dark' })]
  await journey.signIn(one, '/jobs')
  await journey.signIn(other, '/runs')
  await journey.site.lab.vcenterControl('POST', '/shape', { bytesPerSecond: 2 * mebibyte })
  t.teardown(() => journey.site.lab.vcenterControl('POST', '/shape', {}))
  const run = await journey.site.begin('slow01')
  await other.getByRole('link', { name: 'slow01' }).click()
  await one.getByRole('link', { name: 'slow01' }).waitFor()
  await one.goto(`${journey.address}/runs/${run.id}`)
  await one
    .getByText(/\d MiB of 64 MiB read/)
    .first()
    .waitFor()
  await one
    .getByText(/ left$/)
    .first()
    .waitFor()
  await shoot(one, 'wide-light-run-live')
  await shoot(other, 'wide-dark-run-live')
  await one.getByRole('button', { name: 'Cancel run' }).click()
  await one.getByRole('dialog').getByRole('button', { name: 'Cancel run' }).click()
  await other.getByText('Uploading: Stopped here').waitFor()
  await other.getByRole('button', { name: 'Retry' }).waitFor()
  t.pass('the other browser saw it end')
})

t.test('the log bundle is downloaded by one click, and opens', async t => {
  const page = await journey.open()
  await journey.signIn(page)
  const begun = page.waitForEvent('download')
  await page.getByRole('link', { name: 'Download log bundle' }).click()
  const download = await begun
  const tar = gunzipSync(readFileSync(await download.path()))
  t.equal(tar.subarray(257, 262).toString(), 'ustar', 'it is a tar archive')
})
