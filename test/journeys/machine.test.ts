// The machine in a real browser, over the real root helper: the wizard's step, the settings, and the two ways to lose the page.
import t from 'tap'
import { type HelperLab, startHelperLab } from '../api/helper-lab.ts'
import { samplePublicKey } from '../machine/sample-verbs.ts'
import { administrator, axeFindings, type Journey, narrow, overhang, settled, shoot, startJourney } from './browser.ts'

let helper: HelperLab
let journey: Journey
const wide = { width: 1280, height: 900 }
const networkFile = () => helper.file('etc/systemd/network/20-hoist.network') ?? ''

t.before(async () => {
  helper = await startHelperLab()
  helper.put(
    'etc/hoist/first-boot-findings.json',
    JSON.stringify([{ about: 'SSH key', text: 'It is no public key: nobody can sign in by SSH.' }]),
  )
  journey = await startJourney({ vms: [] }, { machineSocket: helper.socket })
  await journey.claim()
})
t.teardown(async () => {
  await journey.stop()
  await helper.close()
})

for (const [name, viewport, theme] of [
  ['wide-light', wide, 'light'],
  ['wide-dark', wide, 'dark'],
  ['narrow-light', narrow, 'light'],
  ['narrow-dark', narrow, 'dark'],
] as const)
  t.test(`the step and the settings are accessible, with every field, ${name}`, async t => {
    const page = await journey.open({ viewport, theme })
    await journey.signIn(page, '/settings/appliance')
    for (const [path, at] of [
      ['/settings/appliance', 'settings'],
      ['/setup?step=network', 'step'],
    ] as const) {
      await page.goto(journey.address + path)
      await settled(page)
      await page.getByLabel('IPv4', { exact: true }).selectOption('static')
      await page.getByLabel('IPv4 address').fill('192.0.2')
      await page.getByRole('button', { name: path.startsWith('/setup') ? 'Next' : 'Change the network' }).click()
      await page.getByText('Write an IPv4 address').waitFor()
      t.strictSame(await axeFindings(page), [], path)
      t.equal(await overhang(page), 0, path)
      await page.evaluate(() => document.querySelector('main')?.scrollTo(0, 0))
      const height = await page.evaluate(() => (document.querySelector('main')?.scrollHeight ?? 0) + 200)
      await page.setViewportSize({ ...viewport, height })
      await shoot(page, `machine-${name}-${at}`)
      await page.setViewportSize(viewport)
    }
    await page.goto(`${journey.address}/settings/appliance`)
    await settled(page)
    await page.getByRole('button', { name: 'Erase everything' }).click()
    await page.getByLabel('Type "erase everything"').fill('erase it')
    t.strictSame(await axeFindings(page), [], 'the question')
    await shoot(page, `machine-${name}-reset`)
    await page.context().close()
  })

t.test('the wizard sets name, time and network in one step, and the page follows', async t => {
  const page = await journey.open()
  await journey.signIn(page, '/setup?step=network')
  await settled(page)
  await page.getByLabel('Host name').fill('hoist-7.example.com')
  await page.getByLabel('Time servers').fill('ntp.example.com')
  await page.getByLabel('IPv4', { exact: true }).selectOption('static')
  await page.getByLabel('IPv4 address').fill('192.0.2.5')
  await page.getByLabel('IPv4 prefix length or netmask').fill('255.255.255.0')
  await page.getByLabel('IPv4 gateway').fill('192.0.2.1')
  await page.getByLabel('DNS servers').fill('192.0.2.53')
  await page.getByRole('button', { name: 'Next' }).click()
  const question = page.getByRole('dialog')
  await question.getByText(/Afterwards the appliance is at https:\/\/192\.0\.2\.5:/).waitFor()
  t.strictSame(await axeFindings(page), [])
  await question.getByRole('button', { name: 'Cancel' }).click()
  t.equal(networkFile(), '', 'nothing is changed before the answer')
  await page.getByRole('button', { name: 'Next' }).click()
  await question.getByRole('button', { name: 'Change' }).click()
  await page.getByText('The network is being changed').waitFor()
  await page.getByRole('link', { name: 'The appliance at its new address' }).waitFor()
  // What the helper ran was only written down: the appliance still answers here.
  await page.waitForURL(/\/settings$/)
  t.match(networkFile(), /Address=192\.0\.2\.5\/24\nGateway=192\.0\.2\.1\nDNS=192\.0\.2\.53/)
  t.equal(helper.file('etc/hostname'), 'hoist-7.example.com\n')
  t.match(helper.file('etc/systemd/timesyncd.conf.d/20-hoist.conf'), /NTP=ntp\.example\.com/)
  await page.context().close()
})

t.test('when the appliance does not answer here any more, the page goes to its new address', async t => {
  const page = await journey.open()
  await journey.signIn(page, '/settings/appliance')
  await settled(page)
  await page.route('https://192.0.2.77:*/**', route => route.fulfill({ body: 'there', contentType: 'text/plain' }))
  // The answer is lost with the address, and nobody is there afterwards.
  await page.route('**/api/machine/network', async route => {
    await route.fetch()
    await route.abort('connectionreset')
  })
  await page.route('**/api/health/ready', route => route.abort('connectionrefused'))
  t.equal(await page.getByLabel('IPv4 address').inputValue(), '192.0.2.5', 'as it is configured')
  await page.getByLabel('IPv4 address').fill('192.0.2.77')
  await page.getByRole('button', { name: 'Change the network' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Change' }).click()
  await page.waitForURL(/^https:\/\/192\.0\.2\.77:/, { timeout: 40_000 })
  t.match(await page.content(), 'there')
  t.match(networkFile(), /Address=192\.0\.2\.77\/24/)
  await page.context().close()
})

t.test('wherever the proxy is changed, the packages of the system follow', async t => {
  const file = 'etc/apt/apt.conf.d/20hoist-proxy'
  for (const [path, body] of [
    ['/api/system/proxy', {}],
    ['/api/settings/aws', journey.site.awsBody()],
  ] as const) {
    helper.put(file, 'Acquire::https::Proxy "http://former:3128/";')
    t.equal((await journey.site.call('PUT', path, body)).status, 200, path)
    t.equal(helper.file(file), undefined, path)
  }
})

t.test('SSH and updates are switched, and restarting is asked for twice', async t => {
  const page = await journey.open()
  await journey.signIn(page, '/settings/appliance')
  await settled(page)
  const dialog = page.getByRole('dialog')
  await page.getByText(/with the property ssh_key/).waitFor()
  t.ok(await page.getByRole('button', { name: 'Switch SSH on' }).isDisabled())
  t.equal(await page.getByLabel('Public key').count(), 0, 'a key is brought by a deployment alone')
  helper.put('etc/hoist/ssh-authorized-keys', `${samplePublicKey}\n`)
  await page.reload()
  await page.getByText(/SHA256:/).waitFor()
  t.strictSame(await axeFindings(page), [], 'with a key')
  await page.getByRole('button', { name: 'Switch SSH on' }).click()
  await dialog.getByText(/becomes root/).waitFor()
  await dialog.getByRole('button', { name: 'Switch SSH on' }).click()
  await page.getByText('SSH is on: port 22 is open').waitFor()
  await page.getByRole('button', { name: 'Switch SSH off' }).click()
  await page.getByText('SSH is off: port 22 is closed').waitFor()
  await page.getByRole('button', { name: 'Switch updates off' }).click()
  await dialog.getByRole('button', { name: 'Switch updates off' }).click()
  await page.getByText('Not installed', { exact: true }).waitFor()
  helper.ran.length = 0
  await page.getByRole('button', { name: 'Restart the service' }).click()
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  t.strictSame(helper.ran, [])
  await page.getByRole('button', { name: 'Restart the service' }).click()
  await dialog.getByRole('button', { name: 'Restart the service' }).click()
  await page.getByText('It restarts.').waitFor()
  t.strictSame(helper.ran, ['/usr/bin/systemctl --no-block restart hoist.service'])
  // Another process answers.
  await page.route('**/api/system', async route => {
    const answer = await route.fetch()
    await route.fulfill({ response: answer, json: { ...(await answer.json()), startedAt: '2031-01-01T00:00:00.000Z' } })
  })
  await page.getByText('The appliance is back').waitFor()
  // A request may be under way still: with its context gone it would fail for nobody to hear.
  await page.unrouteAll({ behavior: 'ignoreErrors' })
  await page.context().close()
})

t.test('runs under way hold a restart and a factory reset up, until it is said again that it is wanted', async t => {
  const page = await journey.open()
  await journey.signIn(page, '/settings/appliance')
  await settled(page)
  const dialog = page.getByRole('dialog')
  const asked: unknown[] = []
  // As the appliance answers while there are runs; what goes on after it is only looked at here.
  await page.route(/\/api\/machine\/(restart|reset)$/, async route => {
    const body = route.request().postDataJSON()
    asked.push(body.force ?? false)
    const refusal = { code: 'RUNS_UNDER_WAY', message: 'A run is under way: web-1.', hint: 'Wait.' }
    await (body.force
      ? route.fulfill({ status: 202, json: { begun: true } })
      : route.fulfill({ status: 409, json: refusal }))
  })
  await page.getByRole('button', { name: 'Restart the machine' }).click()
  await dialog.getByRole('button', { name: 'Restart the machine' }).click()
  await dialog.getByText('A run is under way: web-1.').waitFor()
  t.strictSame(await axeFindings(page), [])
  await dialog.getByRole('button', { name: 'Restart although runs are under way' }).click()
  await page.getByText('It restarts.').waitFor()
  await page.getByRole('button', { name: 'Erase everything' }).click()
  await dialog.getByLabel('Your password').fill(administrator.password)
  await dialog.getByLabel('Type "erase everything"').fill('erase everything')
  await dialog.getByRole('button', { name: 'Erase everything' }).click()
  await dialog.getByText('A run is under way: web-1.').waitFor()
  await dialog.getByRole('button', { name: 'Erase although runs are under way' }).click()
  await page.getByText('The appliance is being erased').waitFor()
  t.strictSame(asked, [false, true, false, true])
  await page.unrouteAll({ behavior: 'ignoreErrors' })
  await page.context().close()
})

t.test('a factory reset wants the words and the password', async t => {
  const page = await journey.open()
  await journey.signIn(page, '/settings/appliance')
  await settled(page)
  helper.ran.length = 0
  await page.getByRole('button', { name: 'Erase everything' }).click()
  const dialog = page.getByRole('dialog')
  const erase = dialog.getByRole('button', { name: 'Erase everything' })
  t.ok(await erase.isDisabled())
  await dialog.getByLabel('Your password').fill('a guess of mine')
  await dialog.getByLabel('Type "erase everything"').fill('erase')
  t.ok(await erase.isDisabled())
  await dialog.getByLabel('Type "erase everything"').fill('erase everything')
  await erase.click()
  await dialog.getByText('The present password is wrong.').waitFor()
  t.strictSame(helper.ran, [])
  await dialog.getByLabel('Your password').fill(administrator.password)
  await erase.click()
  await page.getByText('The appliance is being erased').waitFor()
  t.equal(helper.file('etc/hoist/factory-reset'), '')
  t.strictSame(helper.ran, ['/usr/bin/systemctl --no-block reboot'])
  t.strictSame(await axeFindings(page), [])
  await page.context().close()
})

t.test('without its helper the machine is read-only, and says why', async t => {
  await helper.close()
  const page = await journey.open()
  await journey.signIn(page, '/settings/appliance')
  await page.getByText('MACHINE_UNAVAILABLE').waitFor()
  t.equal(await page.getByLabel('IPv4', { exact: true }).count(), 0)
  await page.context().close()
})
