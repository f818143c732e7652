// Jobs in a real browser: made with every option, changed, paused, deleted with and without images; the catalog; the connectors.
import type { Locator, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import type { ConnectorList } from '../../appliance/api/schemas/connector.ts'
import type { Job } from '../../appliance/domain.ts'
import { awsCli } from '../aws/aws-lab.ts'
import { poll } from '../site.ts'
import { axeFindings, type Journey, narrow, overhang, settled, shoot, startJourney, wide } from './browser.ts'

const mebibyte = 1024 * 1024
let journey: Journey

t.before(async () => {
  journey = await startJourney({
    vms: ['web01', 'db01', 'kept01', 'gone01'].map((name, seed) => ({
      name,
      disks: [{ sizeBytes: 4 * mebibyte, seed }],
    })),
    generatedVms: 310,
  })
  await journey.site.setUp()
  await journey.claim()
})
t.teardown(() => journey.stop())

const looks = [
  { name: 'wide-light', viewport: wide, theme: 'light' },
  { name: 'narrow-dark', viewport: narrow, theme: 'dark' },
] as const

const jobs = async () => (await journey.site.call<{ items: Job[] }>('GET', '/api/jobs')).body.items
const jobOf = async (name: string) => (await jobs()).find(({ serverName }) => serverName === name)
const next = (page: Page) => page.getByRole('button', { name: 'Next', exact: true }).click()
const step = (page: Page, title: string) => page.getByRole('heading', { name: title, level: 2 }).waitFor()

/** Pictures in both looks, accessible and no wider than the window. @param of what must be in sight */
async function pictures(t: Test, page: Page, name: string, of?: Locator): Promise<void> {
  for (const look of looks) {
    await page.setViewportSize(look.viewport)
    await page.emulateMedia({ colorScheme: look.theme })
    t.strictSame(await axeFindings(page), [], `${name}, ${look.name}: accessible`)
    t.equal(await overhang(page), 0, `${name}, ${look.name}: no wider than the window`)
    await of?.evaluate(element => element.scrollIntoView())
    await shoot(page, `${look.name}-${name}`)
  }
  await page.setViewportSize(wide)
  await page.emulateMedia({ colorScheme: 'light' })
}

async function choose(page: Page, names: readonly string[]): Promise<void> {
  const search = page.getByLabel('Search by name')
  for (const name of names) {
    await search.fill(name)
    await page.getByLabel(`Select ${name}`, { exact: true }).check()
  }
}

t.test('a job is made with all that a job can have', async t => {
  const page = await journey.open()
  await journey.signIn(page, '/servers')
  await choose(page, ['db01', 'web01'])
  await page.getByRole('button', { name: 'Create 2 jobs' }).click()
  await step(page, 'Servers')
  await next(page)
  await step(page, 'Licence')
  await next(page)
  await step(page, 'Schedule')
  await page.getByLabel('At a time within the next 30 days').check()
  const start = new Date(Date.now() + 3 * 24 * 3600_000)
  await page.getByLabel('Date and time').fill(`${start.toISOString().slice(0, 10)}T22:30`)
  await page.getByLabel('Again and again').check()
  await page.getByLabel('Hours between runs').fill('6')
  await page.getByText('More options').click()
  await page.getByLabel('Time zone').fill('Europe/Nowhere')
  await page.getByLabel('Run at once').check()
  const windows = page.getByRole('region', { name: 'Windows' })
  await windows.getByRole('button', { name: 'Add a window' }).click()
  for (const day of ['Mon', 'Tue', 'Wed', 'Thu', 'Fri']) await windows.getByLabel(day).uncheck()
  const bandwidth = page.getByRole('region', { name: 'Bandwidth of this job' })
  await bandwidth.getByLabel('Limit, MiB per second').fill('20')
  await bandwidth.getByRole('button', { name: 'Add a window' }).click()
  await bandwidth.getByLabel('MiB per second', { exact: true }).fill('0.01')
  await next(page)
  await page.getByText('There is no such time zone.').waitFor()
  await windows.getByText('Choose a day, and times').waitFor()
  await bandwidth.getByText('A number from 0.0625').waitFor()
  await pictures(t, page, 'job-schedule-wrong')
  await page.getByLabel('Time zone').fill('America/New_York')
  for (const day of ['Sat', 'Sun']) await windows.getByLabel(day).check()
  await bandwidth.getByLabel('MiB per second', { exact: true }).fill('5')
  await pictures(t, page, 'job-schedule', windows)
  await next(page)
  await step(page, 'Image')
  await page.getByLabel('Images to keep per server').fill('10')
  await page.getByRole('button', { name: 'Add a tag' }).click()
  await page.getByLabel('Key', { exact: true }).fill('team')
  await page.getByLabel('Value', { exact: true }).fill('a')
  await next(page)
  await step(page, 'Review')
  for (const sentence of [
    '2 servers: db01, web01.',
    'Each is a full run: 8 MiB to read from 2 servers with 2 disks.',
    'After that every 6 hours, by the clock of America/New_York.',
    'Runs begin in these windows only: Sat, Sun 20:00–06:00 (America/New_York).',
    'A run that is missed while the appliance is off begins as soon as it is back.',
    'Bandwidth of each server: 20 MiB/s; Mon–Fri 08:00–18:00: 5 MiB/s.',
    'The newest 10 images of each server are kept',
    'They are tagged with team=a.',
  ])
    await page.getByText(sentence).waitFor()
  await pictures(t, page, 'job-review')
  await page.getByRole('button', { name: 'Create 2 jobs' }).click()
  await page.getByRole('heading', { name: 'Jobs', level: 1 }).waitFor()
  const weekend = { days: ['sat', 'sun'], from: '20:00', to: '06:00' }
  for (const name of ['web01', 'db01']) {
    t.match(await jobOf(name), {
      state: 'active',
      schedule: { everyHours: 6, timeZone: 'America/New_York', whenMissed: 'run', windows: [weekend] },
      settings: {
        retention: 10,
        encrypted: true,
        tags: { team: 'a' },
        bandwidth: {
          bytesPerSecond: 20 * mebibyte,
          timetable: [{ window: { from: '08:00', to: '18:00' }, bytesPerSecond: 5 * mebibyte }],
        },
      },
    })
  }
})

t.test('a job is paused, changed while it is, and resumed', async t => {
  const page = await journey.open()
  await journey.signIn(page, '/jobs')
  await page.getByRole('link', { name: 'web01' }).click()
  await page.getByText('Sat, Sun 20:00–06:00').first().waitFor()
  await pictures(t, page, 'job-panel')
  await page.getByRole('button', { name: 'Pause', exact: true }).click()
  await page.getByRole('button', { name: 'Resume', exact: true }).waitFor()
  t.match(await jobOf('web01'), { state: 'paused' })
  await page.getByRole('button', { name: 'Edit', exact: true }).click()
  const dialog = page.getByRole('dialog')
  await pictures(t, page, 'job-edit')
  await dialog.getByLabel('Once', { exact: true }).check()
  await dialog.getByRole('region', { name: 'Windows' }).getByRole('button', { name: 'Remove this window' }).click()
  const bandwidth = dialog.getByRole('region', { name: 'Bandwidth of this job' })
  await bandwidth.getByRole('button', { name: 'Remove this window' }).click()
  await bandwidth.getByLabel('Limit, MiB per second').fill('')
  await dialog.getByLabel('Leave it out').check()
  await dialog.getByLabel('Images to keep per server').fill('3')
  await dialog.getByRole('button', { name: 'Save' }).click()
  await dialog.waitFor({ state: 'detached' })
  const changed = await jobOf('web01')
  t.match(changed, {
    state: 'paused',
    schedule: { timeZone: 'America/New_York', whenMissed: 'skip', windows: [] },
    settings: { retention: 3, tags: { team: 'a' }, bandwidth: { timetable: [] } },
  })
  t.notOk('everyHours' in (changed?.schedule ?? {}))
  t.notOk('bytesPerSecond' in (changed?.settings.bandwidth ?? {}))
  await page.getByRole('button', { name: 'Resume', exact: true }).click()
  await page.getByRole('button', { name: 'Pause', exact: true }).waitFor()
  t.match(await jobOf('web01'), { state: 'active', nextRunAt: changed?.schedule.startAt })
  t.match(await jobOf('db01'), { schedule: { everyHours: 6 } }, 'the other job is as it was')
})

t.test('a job is deleted, and its images only when that is ticked', async t => {
  const { site } = journey
  const [kept01, gone01] = [await site.replicate('kept01'), await site.replicate('gone01')]
  const ids = (ofRuns: (typeof kept01)[]) => ofRuns.flatMap(run => [run.imageId, ...run.imageSnapshotIds]).sort()
  /** Asked of AWS by a client that is not ours. */
  const standing = async () => {
    const ofAll = ids([kept01, gone01])
    const filter = (name: string, prefix: string) =>
      `Name=${name},Values=${ofAll.filter(id => id?.startsWith(prefix)).join(',')}`
    const { Images: images } = await awsCli<{ Images: { ImageId: string }[] }>(
      site.lab,
      ...['ec2', 'describe-images', '--filters', filter('image-id', 'ami-')],
    )
    const { Snapshots: snapshots } = await awsCli<{ Snapshots: { SnapshotId: string }[] }>(
      site.lab,
      ...['ec2', 'describe-snapshots', '--filters', filter('snapshot-id', 'snap-')],
    )
    return [...images.map(({ ImageId }) => ImageId), ...snapshots.map(({ SnapshotId }) => SnapshotId)].sort()
  }
  t.equal(ids([kept01, gone01]).length, 4)
  t.same(await standing(), ids([kept01, gone01]))
  const page = await journey.open()
  await journey.signIn(page, '/jobs')
  for (const name of ['kept01', 'gone01']) {
    await page.getByRole('link', { name, exact: true }).click()
    await page.getByRole('complementary').getByRole('button', { name: 'Edit', exact: true }).click()
    t.ok(await page.getByLabel(/^As before: /).isChecked(), 'a first run that is past is not given anew')
    t.ok(await page.getByLabel('Run as soon as the appliance is back').isHidden(), 'the rest is behind More options')
    if (name === 'gone01') await pictures(t, page, 'job-edit-begun')
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await page.getByRole('complementary').getByRole('button', { name: 'Delete', exact: true }).click()
    const dialog = page.getByRole('dialog')
    if (name === 'gone01') await dialog.getByLabel('Also delete its images in AWS').check()
    await pictures(t, page, `job-delete-${name}`)
    await dialog.getByRole('button', { name: 'Delete job' }).click()
    await page.getByText(`The job of ${name} is deleted`).waitFor()
    await page.getByRole('link', { name, exact: true }).waitFor({ state: 'detached' })
    t.equal(await jobOf(name), undefined)
  }
  t.same(await standing(), ids([kept01]), 'not ticked: image and snapshot stay; ticked: both are gone')
  await page.goto(`${journey.address}/images`)
  await page.getByText(kept01.imageId ?? '').waitFor()
  t.equal(await page.getByText(gone01.imageId ?? '').count(), 0, 'what is gone is not shown as kept')
  await pictures(t, page, 'images-after-delete')
})

t.test('the catalog is cleared and imported again; jobs stay', async t => {
  const { site } = journey
  const total = async () => (await site.call<{ total: number }>('GET', '/api/servers?limit=1')).body.total
  const before = await total()
  const jobsBefore = (await jobs()).length
  const page = await journey.open()
  await journey.signIn(page, '/servers')
  await page.getByRole('button', { name: 'Clear catalog' }).click()
  const dialog = page.getByRole('dialog')
  await pictures(t, page, 'catalog-clear')
  await dialog.getByRole('button', { name: 'Clear catalog' }).click()
  await page.getByText('No servers yet').waitFor()
  t.equal(await total(), 0)
  t.equal((await jobs()).length, jobsBefore)
  await pictures(t, page, 'catalog-cleared')
  await page.goto(`${journey.address}/jobs/new`)
  await page.getByText('There are no servers to choose from').waitFor()
  await page.goto(`${journey.address}/servers`)
  await page.getByRole('button', { name: 'Import catalog' }).first().click()
  await page.getByText(`${before} servers`, { exact: true }).waitFor()
  await page.getByLabel('Search by name').fill('web01')
  await page.getByRole('button', { name: 'web01' }).waitFor()
  t.equal(await total(), before)
  t.equal((await jobs()).length, jobsBefore)
})

t.test('windows of the policy are edited in the same fields', async t => {
  const page = await journey.open()
  await journey.signIn(page, '/settings/policy')
  const bandwidth = page.getByRole('region', { name: 'Bandwidth' })
  await bandwidth.getByLabel('Limit, MiB per second').fill('100')
  await bandwidth.getByRole('button', { name: 'Add a window' }).click()
  await bandwidth.getByLabel('MiB per second', { exact: true }).fill('x')
  const blackouts = page.getByRole('region', { name: 'Blackouts' })
  await blackouts.getByRole('button', { name: 'Add a blackout' }).click()
  await blackouts.getByLabel('To', { exact: true }).fill('24:00')
  await blackouts.getByLabel('Transfers under way wait too').check()
  await pictures(t, page, 'policy-wrong', bandwidth)
  t.ok(await page.getByRole('button', { name: 'Save' }).isDisabled())
  await bandwidth.getByLabel('MiB per second', { exact: true }).fill('')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Saved', { exact: true }).waitFor()
  const days = ['mon', 'tue', 'wed', 'thu', 'fri']
  t.match((await journey.site.call('GET', '/api/policy')).body, {
    bandwidth: {
      bytesPerSecond: 100 * mebibyte,
      timetable: [{ window: { days, from: '08:00', to: '18:00' }, bytesPerSecond: null }],
    },
    blackouts: [{ window: { days, from: '08:00', to: '24:00' }, holdTransfers: true }],
  })
})

t.test('the review speaks of one and of three hundred servers', async t => {
  const page = await journey.open({ viewport: narrow })
  await journey.signIn(page, '/servers')
  const review = async () => {
    for (const title of ['Licence', 'Schedule', 'Image', 'Review']) {
      await next(page)
      await step(page, title)
    }
  }
  await choose(page, ['kept01'])
  await page.getByRole('button', { name: 'Create 1 job' }).click()
  await review()
  await page.getByText('It is a full run: 4 MiB to read from 1 disk.').waitFor()
  await page.getByText('The first run begins as soon as the job is made.').waitFor()
  await page.getByText('By the policy no run begins Mon–Fri 08:00–24:00').waitFor()
  await page.getByText('By the policy, bandwidth of all jobs together: 100 MiB/s; Mon–Fri 08:00').waitFor()
  await pictures(t, page, 'job-review-1')
  await page.goto(`${journey.address}/servers`)
  await page.getByLabel('Search by name').fill('vm-')
  await page.getByLabel(/^Select all \d+ shown/).check()
  await page.getByRole('button', { name: /^Create \d+ jobs/ }).click()
  await review()
  await page.getByText(/^\d{3} servers: .*, and \d{3} more\.$/).waitFor()
  await pictures(t, page, 'job-review-300')
})

t.test('the connectors of the account are listed; while AWS is away, the part of vCenter is', async t => {
  const { site } = journey
  const [image] = (
    await awsCli<{ Images: { ImageId: string }[] }>(site.lab, 'ec2', 'describe-images', '--owners', 'self')
  ).Images
  const page = await journey.open()
  await journey.signIn(page, '/connectors')
  await settled(page)
  await page.getByText('No other connector shares the account').waitFor()
  await pictures(t, page, 'connectors-alone', page.getByRole('region', { name: 'Connectors', exact: true }))
  const { body: alone } = await site.call<ConnectorList>('GET', '/api/connectors')
  const own = alone.items[0]?.id ?? ''
  t.match(alone, {
    items: [{ isThis: true, aws: { images: 1, snapshots: 1 }, vcenter: { version: /./ } }],
    problems: [],
  })
  await awsCli(
    site.lab,
    ...['ec2', 'create-tags', '--resources', image?.ImageId ?? '', '--tags', 'Key=hoist:connector,Value=0ther0c0nnect'],
  )
  await page.getByRole('button', { name: 'Refresh' }).click()
  const row = page.getByRole('row', { name: /0ther0c0nnect/ })
  await row.getByText('Not registered').waitFor()
  await row.getByText('1 image, 0 snapshots').waitFor()
  await page
    .getByRole('row', { name: new RegExp(`${own} \\(this one\\)`) })
    .getByText('Registered, version')
    .waitFor()
  await pictures(t, page, 'connectors', page.getByRole('region', { name: 'Connectors', exact: true }))
  await site.lab.awsControl('POST', '/faults', {
    ...{ service: 'ec2', operation: 'DescribeImages', kind: 'error', code: 'UnauthorizedOperation' },
    ...{ message: 'You are not authorized', statusCode: 403 },
  })
  await page.getByRole('button', { name: 'Refresh' }).click()
  await page.getByText('AWS could not be asked').waitFor()
  await page.getByText('Registered, version').waitFor()
  t.equal(await page.getByText('0ther0c0nnect').count(), 0)
  await pictures(t, page, 'connectors-half', page.getByRole('region', { name: 'Connectors', exact: true }))
  await poll(async () => {
    const { body } = await site.call<ConnectorList>('GET', '/api/connectors')
    return body.problems.length === 0 ? body : undefined
  })
})
