// The whole setup in a real browser, by keyboard alone, from the setup code to the dashboard.
import t from 'tap'
import { administrator, axeFindings, type Journey, shoot, startJourney } from './browser.ts'
import { focusedName, press, tabTo, typeInto } from './keyboard.ts'

let journey: Journey

t.before(async () => {
  journey = await startJourney({ vms: [{ name: 'web01', disks: [{ sizeBytes: 4 << 20, seed: 1 }] }] })
})
t.teardown(() => journey.stop())

t.test('the wizard goes from the setup code to the dashboard by keyboard alone', async t => {
  const { lab } = journey.site
  const page = await journey.open()
  const heading = (name: RegExp) => page.getByRole('heading', { name, level: 2 }).waitFor()
  await page.goto(journey.address)

  await page.getByRole('heading', { name: 'Claim this appliance' }).waitFor()
  t.strictSame(await axeFindings(page), [], 'the claim is accessible')
  await shoot(page, 'wide-light-claim')
  await typeInto(page, /^Setup code$/, 'AAAA-AAAA-AAAA-AAAA')
  await page.keyboard.press('Enter')
  await page.getByText('SETUP_CODE_WRONG').waitFor()
  await typeInto(page, /^Setup code$/, journey.setupCode.toLowerCase().replaceAll('-', ' '))
  await page.keyboard.press('Enter')

  await heading(/^Licence$/)
  await press(page, /^Next$/)
  await page.getByText('The licence must be accepted').waitFor()
  await press(page, /^I have read/, 'Space')
  await page.keyboard.press('Enter')

  await heading(/^Password$/)
  t.equal(await focusedName(page), 'Password', 'the focus goes to the heading of the new step')
  await typeInto(page, /^User name$/, administrator.name)
  await typeInto(page, /^Password$/, 'password')
  await page.getByText(/Too weak|Far too weak/).waitFor()
  await page.keyboard.press('Control+A')
  await page.keyboard.type(administrator.password)
  await typeInto(page, /^Password again$/, administrator.password)
  await page.keyboard.press('Enter')

  await heading(/^Network and time$/)
  await page.getByText('Host name').waitFor()
  await shoot(page, 'wide-light-wizard-network')
  await press(page, /^Next$/)

  await heading(/^Log uploads and upgrades$/)
  await page.reload()
  await heading(/^Log uploads and upgrades$/)
  t.pass('a reload comes back to the step')
  await press(page, /^Next$/)

  await heading(/^AWS Region and credentials$/)
  await typeInto(page, /^Region$/, lab.aws.region)
  await page.keyboard.press('Escape')
  await typeInto(page, /^Access key ID$/, lab.aws.connector.accessKeyId)
  await typeInto(page, /^Secret access key$/, lab.aws.connector.secretAccessKey)
  await press(page, /^Role, import role and private endpoints$/)
  for (const service of ['S3', 'EC2', 'STS', 'IAM']) {
    await typeInto(page, new RegExp(`^Private endpoint of ${service} `), lab.aws.endpoint)
  }
  await press(page, /^Next$/)

  await heading(/^vCenter$/)
  await typeInto(page, /^vCenter$/, lab.vcenter.host)
  await press(page, /^Show its certificate$/)
  await page.getByText(lab.vcenter.thumbprintSha256).waitFor()
  await shoot(page, 'wide-light-wizard-certificate')
  await press(page, /^I have compared the thumbprint/, 'Space')
  await typeInto(page, /^User name$/, lab.vcenter.connector.username)
  await typeInto(page, /^Password$/, lab.vcenter.connector.password)
  await page.keyboard.press('Enter')

  await heading(/^Checks$/)
  await page.getByText('Amazon S3 endpoint').waitFor()
  await shoot(page, 'wide-light-wizard-checks')
  await press(page, /^Next$/)

  await heading(/^Review and register$/)
  await page.getByText('The server catalog is imported for the first time.').waitFor()
  await press(page, /^Register$/)

  await page.getByRole('heading', { name: 'Dashboard', level: 1 }).waitFor()
  await press(page, /^Servers$/)
  await page.getByRole('button', { name: 'web01' }).waitFor()
  t.pass('the catalog was imported')

  const text = await page.content()
  for (const secret of [administrator.password, lab.aws.connector.secretAccessKey, lab.vcenter.connector.password]) {
    t.notOk(text.includes(secret), 'no secret stands in the page')
  }
})

t.test('a step that is opened again shows what is stored, without its secret', async t => {
  const { lab } = journey.site
  const page = await journey.open()
  await journey.signIn(page, '/settings')
  await tabTo(page, /^Open: AWS/)
  await page.keyboard.press('Enter')
  await page.getByText('No permission is missing.').waitFor()
  t.equal(await page.getByLabel('Region').inputValue(), lab.aws.region)
  t.equal(await page.getByLabel('Secret access key').inputValue(), '')
  await press(page, /^Next$/)
  await page.getByRole('heading', { name: 'Settings', level: 1 }).waitFor()
})
