// Every page in a real browser: accessible in both themes, no wider than its window; pictures of each for whoever looks.
import type { Locator } from 'playwright-core'
import t from 'tap'
import { axeFindings, type Journey, narrow, overhang, settled, shoot, startJourney, wide } from './browser.ts'

const paths = [
  '/',
  '/servers',
  '/jobs',
  '/jobs/new',
  '/runs',
  '/runs/RUN',
  '/images',
  '/connectors',
  '/settings',
  '/settings/account',
  '/settings/accounts',
  '/settings/tokens',
  '/settings/policy',
  '/settings/notifications',
  '/settings/backups',
  '/settings/certificate',
  '/settings/appliance',
  '/settings/upgrades',
  '/support',
  '/support/logs',
  '/support/leftovers',
  '/support/report',
  '/support/documentation',
  '/audit',
  '/api/docs',
  '/no-such-page',
  ...['licence', 'password', 'network', 'uploads', 'aws', 'vcenter', 'checks', 'register'].map(
    step => `/setup?step=${step}`,
  ),
]

const looks = [
  { name: 'wide-light', viewport: wide, theme: 'light' },
  { name: 'wide-dark', viewport: wide, theme: 'dark' },
  { name: 'narrow-light', viewport: narrow, theme: 'light' },
  { name: 'narrow-dark', viewport: narrow, theme: 'dark' },
] as const

const fileName = (path: string) => path.replace(/[/?=]+/g, '-').replace(/^-$/, '-dashboard')

let journey: Journey
let runId = ''

t.before(async () => {
  journey = await startJourney({
    vms: [
      {
        name: 'web01',
        disks: [
          { sizeBytes: 8 << 20, seed: 1 },
          { sizeBytes: 4 << 20, seed: 2 },
        ],
        nics: [{ addresses: ['10.1.2.3'] }],
      },
      { name: 'cluster-a', disks: [{ sizeBytes: 4 << 20, seed: 3, sharing: 'multiWriter' }] },
      { name: 'secure', firmware: 'efi', vTpm: true, disks: [{ sizeBytes: 4 << 20, seed: 4 }] },
    ],
    generatedVms: 80,
  })
  await journey.site.setUp()
  await journey.site.replicate('web01')
  // A failure with words to show.
  await journey.site.lab.awsControl('POST', '/imports', { next: { fail: 'ClientError: Unsupported kernel version' } })
  runId = (await journey.site.replicate('secure')).id
  await journey.claim()
})
t.teardown(() => journey.stop())

t.test('before anybody is signed in', async t => {
  for (const look of looks) {
    const page = await journey.open(look)
    await page.goto(journey.address)
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    t.strictSame(await axeFindings(page), [], `${look.name}: accessible`)
    t.equal(await overhang(page), 0, `${look.name}: no wider than the window`)
    await shoot(page, `${look.name}-sign-in`)
    await page.context().close()
  }
})

async function inSight(element: Locator): Promise<boolean> {
  const [box, width] = [await element.boundingBox(), await element.page().evaluate(() => innerWidth)]
  return box !== null && box.x >= 0 && box.x + box.width <= width
}

for (const look of looks) {
  t.test(`every page, ${look.name}`, async t => {
    const page = await journey.open(look)
    await journey.signIn(page, '/servers')
    for (const path of paths) {
      await page.goto(journey.address + path.replace('RUN', runId))
      await settled(page)
      t.strictSame(await axeFindings(page), [], `${path} is accessible`)
      t.equal(await overhang(page), 0, `${path} is no wider than the window`)
      const tab = page.locator('nav.tabs [aria-current]')
      if ((await tab.count()) > 0) t.ok(await inSight(tab), `${path}: its tab is in sight`)
      await shoot(page, look.name + fileName(path))
    }
    await page.context().close()
  })
}
