// Upgrades in a real browser: real bundles over a real helper, from the file that is uploaded to the release that answers, and back.
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import type { UpgradeView } from '../../appliance/api/schemas/upgrade.ts'
import { forgedBundle, keyPair } from '../upgrade/sample-release.ts'
import { makeIdentity, serveTls } from '../vsphere/tls-server.ts'
import { administrator, axeFindings, narrow, overhang, screenshots, settled, shoot } from './browser.ts'
import { launchBrowser, type TestBrowser } from './launch.ts'
import { type ReleaseMachine, startReleaseMachine } from './release-machine.ts'

t.setTimeout(400_000)
const wide = { width: 1280, height: 900 }
const looks = [
  { name: 'wide-light', viewport: wide, theme: 'light' },
  { name: 'wide-dark', viewport: wide, theme: 'dark' },
  { name: 'narrow-light', viewport: narrow, theme: 'light' },
  { name: 'narrow-dark', viewport: narrow, theme: 'dark' },
] as const
const reader = { name: 'reader', password: 'nine copper kettles on the stove', role: 'support' }
const identity = makeIdentity({ commonName: 'releases.test' })
const next = '0.900.0'
const worse = '0.901.0'

let machine: ReleaseMachine
let browser: TestBrowser
let releases: Awaited<ReturnType<typeof serveTls>>
let page: Page
/** Requests to the web server of bundles that the test answers when it likes. */
const asked: ServerResponse[] = []

t.before(async () => {
  mkdirSync(screenshots, { recursive: true })
  machine = await startReleaseMachine(identity.certificatePem)
  releases = await serveTls(identity, (_request, answer) => void asked.push(answer))
  for (const account of [{ ...administrator, role: 'administrator' }, reader])
    await must('POST', '/api/accounts', account)
  for (const step of ['licence', 'network', 'uploads', 'aws', 'vcenter', 'checks', 'register'])
    await must('PUT', `/api/setup/steps/${step}`, { done: true })
  browser = await launchBrowser()
  page = await open()
})
t.teardown(async () => {
  await browser.close()
  await releases.close()
  await machine.stop()
  if (browser.problems.length > 0) throw new Error(`In the page:\n${browser.problems.join('\n')}`)
})

async function must(method: string, path: string, body: unknown): Promise<void> {
  const { status } = await machine.call(method, path, body)
  if (status >= 300) throw new Error(`${method} ${path} is answered with ${status}`)
}

async function open(path = '/settings/upgrades', { name, password } = administrator): Promise<Page> {
  const opened = await browser.open({ viewport: wide, theme: 'light' })
  opened.setDefaultTimeout(30_000)
  await opened.goto(machine.address + path)
  await opened.getByLabel('User name').fill(name)
  await opened.getByLabel('Password').fill(password)
  await opened.getByRole('button', { name: 'Sign in' }).click()
  await opened.getByRole('button', { name: 'Sign out' }).waitFor()
  await settled(opened)
  return opened
}

/** What is shown now: accessible, within the window, and on a picture, wide and narrow, light and dark. */
async function look(t: Test, what: string, at = page): Promise<void> {
  for (const { name, viewport, theme } of looks) {
    await at.setViewportSize(viewport)
    await at.emulateMedia({ colorScheme: theme })
    await drawn(at)
    t.strictSame(await axeFindings(at), [], `${what}, ${name}: accessible`)
    t.equal(await overhang(at), 0, `${what}, ${name}: no wider than the window`)
    const height = await at.evaluate(() => (document.querySelector('main')?.scrollHeight ?? 0) + 60)
    await at.setViewportSize({ ...viewport, height: Math.max(height, viewport.height) })
    await shoot(at, `upgrades-${what}-${name}`)
  }
  await at.setViewportSize(wide)
  await at.emulateMedia({ colorScheme: 'light' })
}

/** Until colours are those of the theme, also where the machine is busy. */
async function drawn(at: Page): Promise<void> {
  await at.evaluate(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))))
}

/** How fast this page may send, bytes per second; 0: as it can. */
async function sendAt(uploadThroughput: number): Promise<void> {
  const session = await page.context().newCDPSession(page)
  await session.send('Network.emulateNetworkConditions', {
    ...{ offline: false, latency: 0, downloadThroughput: -1 },
    uploadThroughput: uploadThroughput === 0 ? -1 : uploadThroughput,
  })
}

function made(name: string, bytes: Buffer): string {
  const path = join(machine.directory, name)
  writeFileSync(path, bytes)
  return path
}

async function upload(path: string): Promise<void> {
  await page.getByLabel('A file of this computer').check()
  await page.getByLabel('Bundle', { exact: true }).setInputFiles(path)
  await page.getByRole('button', { name: 'Upload', exact: true }).click()
}

const view = async () => (await machine.call<UpgradeView>('GET', '/api/upgrade')).body
/** Signed by a key that is trusted, of that many bytes that mean nothing. */
const filled = (version: string, sizeBytes: number, key = machine.privateKey) =>
  forgedBundle(key, { compressed: randomBytes(sizeBytes), fields: { version, minimumVersion: '0.0.0' } })

t.test('at first there is nothing to install, and the page says how that changes', async t => {
  await page.getByText('No release is ready to be installed').waitFor()
  await look(t, 'empty')
})

t.test('an upload shows how far it is, here and elsewhere, and is cancelled without a trace', async t => {
  const other = await open()
  await sendAt(2 * 2 ** 20)
  await upload(made('slow.tar', filled(next, 40 * 2 ** 20)))
  const bar = page.getByRole('progressbar', { name: 'slow.tar is being uploaded' })
  await page.getByText(/MiB of 40\.0 MiB/).waitFor()
  await page.getByText(/ left$/).waitFor()
  t.match(await bar.getAttribute('aria-valuetext'), /^\d+%, [\d.]+ MiB of 40\.0 MiB, [\d.]+ [KM]iB\/s, \d+ s left$/)
  await other.getByText(`Release ${next} is being uploaded from another window`).waitFor()
  await look(t, 'uploading')
  await look(t, 'elsewhere', other)
  t.strictSame(machine.uploads(), ['hoist-incoming.part'])
  // It goes on while other pages are looked at.
  await page.getByRole('link', { name: 'Dashboard' }).click()
  await page.getByRole('heading', { name: 'Dashboard' }).waitFor()
  await page.goBack()
  await bar.waitFor()
  await page.getByRole('button', { name: 'Cancel the upload' }).click()
  await page.getByText('No release is ready to be installed').waitFor()
  await other.getByText('No release is ready to be installed').waitFor()
  t.strictSame(machine.uploads(), [])
  t.notOk((await view()).refused, 'who cancels knows why')
  // Another window cancels it, too.
  await upload(made('slow.tar', filled(next, 40 * 2 ** 20)))
  await other.getByRole('button', { name: 'Cancel', exact: true }).click()
  await page.getByText('The upload was cancelled in another window').waitFor()
  t.strictSame(machine.uploads(), [])
  await page.getByRole('button', { name: 'Dismiss' }).click()
  await page.getByText('No release is ready to be installed').waitFor()
  await other.context().close()
  await sendAt(0)
})

t.test('a bundle that is refused is told of in words, long before all of it is sent', async t => {
  const foreign = keyPair().privateKey
  await sendAt(2 ** 20)
  const began = performance.now()
  await upload(made('foreign.tar', filled(next, 60 * 2 ** 20, foreign)))
  await page.getByText('RELEASE_UNTRUSTED').waitFor()
  t.ok(performance.now() - began < 30_000, 'a minute would be needed for all of it')
  t.match(
    await page.getByRole('alert').innerText(),
    /not signed by a key that this appliance trusts[\s\S]*where the appliance came from/,
  )
  await look(t, 'refused')
  await page.getByRole('button', { name: 'Dismiss' }).click()
  await page.getByText('No release is ready to be installed').waitFor()
  await sendAt(0)

  const tampered = readFileSync(await machine.bundle(next))
  const last = tampered.length - 2048
  tampered[last] = (tampered[last] ?? 0) ^ 1
  const forged = (fields: object) =>
    forgedBundle(machine.privateKey, { fields: { minimumVersion: '0.0.0', ...fields } })
  for (const [bytes, code, words] of [
    [tampered, 'RELEASE_DAMAGED', /not the one that was signed[\s\S]*compare its SHA-256/],
    [forged({ version: '0.0.9' }), 'RELEASE_NOT_NEWER', /holds release 0\.0\.9, and .* runs[\s\S]*Only newer/],
    [forged({ version: next, minimumVersion: '0.500.0' }), 'RELEASE_STEP_MISSING', /Install release 0\.500\.0 first/],
    [
      forged({ version: next, product: 'other' }),
      'RELEASE_FOREIGN',
      /of "other"[\s\S]*Choose the bundle of this product/,
    ],
    [Buffer.from('this is an OVA'), 'RELEASE_DAMAGED', /cannot be used[\s\S]*Download it again/],
  ] as const) {
    await upload(made('refused.tar', bytes))
    await page.getByText(code).waitFor()
    t.match(await page.getByRole('alert').innerText(), words, code)
    t.strictSame(machine.uploads(), [], code)
    await page.getByRole('button', { name: 'Dismiss' }).click()
    await page.getByText('No release is ready to be installed').waitFor()
  }
})

t.test('an upload that breaks is told of, and leaves nothing', async t => {
  await sendAt(2 ** 20)
  const path = made('slow.tar', filled(next, 40 * 2 ** 20))
  await upload(path)
  await page.getByText(/MiB of 40\.0 MiB/).waitFor()
  while (machine.uploads().length === 0) await page.waitForTimeout(50)
  // As when a share of files goes away.
  truncateSync(path, 0)
  await page.getByText('RELEASE_INTERRUPTED').waitFor()
  t.match(await page.getByRole('alert').innerText(), /The connection broke[\s\S]*Begin again/)
  t.equal(await page.getByRole('alert').count(), 1, 'told once')
  t.strictSame(machine.uploads(), [])
  await sendAt(0)
  await page.getByRole('button', { name: 'Dismiss' }).click()
  await page.getByText('No release is ready to be installed').waitFor()
})

t.test('a bundle is fetched from an address, refused and cancelled', async t => {
  await page.getByLabel('An https address').check()
  const field = page.getByLabel('Address of the bundle')
  await field.fill('http://releases.test/')
  await page.getByText('Write it as https://host/path').waitFor()
  t.ok(await page.getByRole('button', { name: 'Fetch' }).isDisabled())
  const url = `https://${releases.host}/hoist-${next}.tar`
  const begin = async () => {
    await field.fill(url)
    await page.getByRole('button', { name: 'Fetch' }).click()
    for (;;) {
      const answer = asked.pop()
      if (answer) return answer
      await page.waitForTimeout(20)
    }
  }
  const refusing = await begin()
  refusing.writeHead(404).end()
  await page.getByText('RELEASE_UNREACHABLE').waitFor()
  t.match(await page.getByRole('alert').innerText(), /HTTP status 404[\s\S]*proxy and the firewall/)
  await page.getByRole('button', { name: 'Dismiss' }).click()

  const bytes = filled(next, 8 * 2 ** 20)
  const slow = await begin()
  slow.setHeader('content-length', bytes.length)
  slow.write(bytes.subarray(0, bytes.length / 2))
  await page.getByText(`Release ${next} is being fetched from its address`).waitFor()
  await page.getByText(/MiB of 8\.0 MiB/).waitFor()
  await look(t, 'fetching')
  await page.getByRole('button', { name: 'Cancel', exact: true }).click()
  await page.getByText('No release is ready to be installed').waitFor()
  t.strictSame(machine.uploads(), [])
  slow.destroy()

  const whole = await begin()
  whole.end(bytes)
  await page.getByText('Ready to be installed').waitFor()
  t.strictSame(machine.uploads(), [`hoist-${next}.tar`])
  await page.getByRole('button', { name: 'Discard' }).click()
  await page.getByText('No release is ready to be installed').waitFor()
  t.strictSame(machine.uploads(), [])

  await page.getByLabel("The connector's bucket").first().check()
  await page.getByRole('button', { name: 'Look into the bucket' }).click()
  await page.getByText('NOT_CONFIGURED').waitFor()
  await look(t, 'bucket')
})

t.test('what the helper refuses though the service took it is told of', async t => {
  // Its manifest is signed, and what it lists does not stand in the archive.
  await upload(made('hollow.tar', filled(next, 1000)))
  await page.getByRole('button', { name: `Install ${next}` }).click()
  await page
    .getByRole('dialog')
    .getByRole('button', { name: `Install ${next}` })
    .click()
  await page.getByText('RELEASE_DAMAGED').waitFor()
  await page.getByText('This bundle could not be installed').waitFor()
  t.equal(machine.current(), `releases/${machine.version}`)
  await look(t, 'refused-by-helper')
  await page.getByRole('button', { name: 'Discard' }).click()
  await page.getByText('No release is ready to be installed').waitFor()
})

t.test('automatic upgrades are switched on with a window', async t => {
  await page.getByLabel(/^Look for a newer release daily/).check()
  await page.getByLabel('An https address that always').check()
  const card = page.getByRole('region', { name: 'Automatic upgrades' })
  t.ok(await card.getByRole('button', { name: 'Save' }).isDisabled(), 'the address lacks')
  await card.getByLabel('Address of the bundle').fill(`https://${releases.host}/newest.tar`)
  await card.getByLabel('From', { exact: true }).fill('03:00')
  await look(t, 'auto')
  await card.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Saved', { exact: true }).waitFor()
  t.match((await view()).auto, { enabled: true, source: { kind: 'url' }, windows: [{ from: '03:00', to: '05:00' }] })
  // It looks at once.
  while (asked.length === 0) await page.waitForTimeout(20)
  asked.pop()?.end(filled(next, 1000))
  await card.getByText(`Release ${next} is installed from`).waitFor()
  await look(t, 'planned')
  await card.getByLabel(/^Look for a newer release daily/).uncheck()
  await card.getByRole('button', { name: 'Save' }).click()
  await card.getByText('Nothing comes by itself.').waitFor()
  await page.getByRole('button', { name: 'Discard' }).click()
})

t.test('a reader sees how things stand, and can change nothing', async t => {
  await upload(made('good.tar', readFileSync(await machine.bundle(next))))
  await page.getByText('Ready to be installed').waitFor()
  await look(t, 'offered')
  const other = await open('/settings/upgrades', reader)
  await other.getByText('Ready to be installed').waitFor()
  await other.getByText('Only administrators').waitFor()
  t.equal(await other.getByRole('button', { name: /Install|Discard|Upload|Save/ }).count(), 0)
  await look(t, 'reader', other)
  const statuses = await other.evaluate(async () => {
    const { csrf } = await (await fetch('/api/session')).json()
    const ask = async (method: string, path: string, body?: object) =>
      (
        await fetch(path, {
          method,
          headers: { 'x-hoist-csrf': csrf, ...(body ? { 'content-type': 'application/json' } : {}) },
          ...(body ? { body: JSON.stringify(body) } : {}),
        })
      ).status
    return [
      await ask('POST', '/api/upgrade/install', { version: '0.900.0' }),
      await ask('DELETE', '/api/upgrade/bundle'),
      await ask('POST', '/api/upgrade/fetch', { from: 'url', url: 'https://a/b' }),
    ]
  })
  t.strictSame(statuses, [403, 403, 403])
  await other.context().close()
})

t.test('a release is installed after a question; every page says so, and goes on by itself', async t => {
  const other = await open('/')
  await other.getByText(`Release ${next} is ready to be installed`).waitFor()
  await look(t, 'dashboard', other)
  await page.getByRole('button', { name: `Install ${next}` }).click()
  await page.getByRole('dialog').getByText('The service stops for a minute or two').waitFor()
  await look(t, 'ask')
  const schema = Promise.withResolvers<void>()
  const health = Promise.withResolvers<void>()
  Object.assign(machine.gates, { schema: schema.promise, health: health.promise })
  await page
    .getByRole('dialog')
    .getByRole('button', { name: `Install ${next}` })
    .click()
  await page.getByText('The appliance does not answer meanwhile').waitFor()
  await other.getByText(`Release ${next} is being installed`).waitFor()
  await look(t, 'away')
  await look(t, 'dashboard-away', other)
  schema.resolve()
  await page.getByText(`Release ${next} runs on trial`).waitFor()
  await look(t, 'trial')
  health.resolve()
  await page.getByText(`From ${machine.version} to ${next}`).waitFor()
  t.equal(machine.current(), `releases/${next}`)
  t.match(await view(), { running: next, phase: 'settled', last: { result: 'upgraded' } })
  await look(t, 'upgraded')
  await other.getByText(`Release ${next} runs now`).waitFor()
  await look(t, 'dashboard-upgraded', other)
  await other.getByRole('button', { name: 'Reload the page' }).click()
  await other.getByText(`This is version ${next}`).waitFor()
  await other.context().close()
})

t.test('a release that is not well is rolled back, and the pages say so', async t => {
  await upload(await machine.bundle(worse, 'broken'))
  await page.getByRole('button', { name: `Install ${worse}` }).click()
  await page
    .getByRole('dialog')
    .getByRole('button', { name: `Install ${worse}` })
    .click()
  await page.getByText(`Release ${worse} was not well: ${next} was put back`).waitFor({ timeout: 90_000 })
  t.equal(machine.current(), `releases/${next}`)
  await page.getByText(/was installed here before, and not kept/).waitFor()
  await look(t, 'rolled-back')
  await page.getByRole('link', { name: 'Dashboard' }).click()
  await page.getByText(`Release ${worse} was not kept`).waitFor()
  await look(t, 'dashboard-rolled-back')
})
