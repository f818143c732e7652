// A backup in a real browser: exported under a passphrase in the settings, and what a new appliance is restored from by its wizard.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Page } from 'playwright-core'
import t from 'tap'
import { administrator, axeFindings, type Journey, narrow, overhang, shoot, startJourney } from './browser.ts'

t.setTimeout(180_000)
const root = join(import.meta.dirname, '..', '..')
const passphrase = 'fourteen herons in a row'
const looks = [
  { name: 'wide-light', viewport: { width: 1280, height: 800 }, theme: 'light' },
  { name: 'narrow-dark', viewport: narrow, theme: 'dark' },
] as const

let journey: Journey
let child: ChildProcess | undefined
const files = await mkdtemp(join(tmpdir(), 'hoist-exports-'))
t.before(async () => {
  journey = await startJourney({ vms: [] })
  await journey.claim()
})
t.teardown(async () => {
  if (child && child.exitCode === null) {
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
  await journey.stop()
  await rm(files, { recursive: true, force: true })
})

/** A new appliance, as its process runs; its address, and what its console shows. */
async function startFresh(): Promise<{ address: string; setupCode: string }> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  const started = spawn(process.execPath, ['appliance/main.ts'], {
    cwd: root,
    env: { PATH: process.env.PATH, HOIST_DATA_DIR: join(files, 'data'), HOIST_PORT: String(port) },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  child = started
  for await (const line of createInterface({ input: started.stderr })) {
    const [, setupCode] = /^Setup code: (.+)$/.exec(line) ?? []
    // Whatever it says from now on must not fill the pipe.
    if (setupCode) {
      started.stderr.resume()
      return { address: `https://127.0.0.1:${port}`, setupCode }
    }
  }
  throw new Error('The appliance did not start')
}

/** One look after the other at what is shown now: wide and narrow, each in its theme. */
async function look(page: Page, what: string): Promise<void> {
  for (const { name, viewport, theme } of looks) {
    await page.setViewportSize(viewport)
    await page.emulateMedia({ colorScheme: theme })
    // Until colours are those of the theme, also where the machine is busy.
    await page.evaluate(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))))
    t.strictSame(await axeFindings(page), [], `${what}, ${name}: accessible`)
    t.equal(await overhang(page), 0, `${what}, ${name}: no wider than the window`)
    await shoot(page, `${name}-${what}`)
  }
  await page.setViewportSize(looks[0].viewport)
}

t.test('an export of the settings restores a new appliance in its wizard', async t => {
  const page = await journey.open({ viewport: looks[0].viewport })
  await journey.signIn(page, '/settings/backups')
  await page.getByRole('button', { name: 'Back up now' }).click()
  await page.getByText('The backup is made').waitFor()
  await page
    .getByRole('button', { name: /^Export hoist-/ })
    .first()
    .waitFor()
  await look(page, 'settings-backups')
  await page
    .getByRole('button', { name: /^Export hoist-/ })
    .first()
    .click()
  const dialog = page.getByRole('dialog')
  const act = dialog.getByRole('button', { name: 'Export' })
  await dialog.getByLabel('Your own password').fill('not the one')
  await dialog.getByLabel('Passphrase of the export').fill('too short')
  await act.click()
  await dialog.getByText('Use 12 characters or more.').waitFor()
  await dialog.getByLabel('Passphrase of the export').fill(passphrase)
  await act.click()
  await dialog.getByText('This is not the same as above.').waitFor()
  await look(page, 'backup-export')
  await dialog.getByLabel('Passphrase again').fill(passphrase)
  await act.click()
  await dialog.getByText('PASSWORD_WRONG').waitFor()
  await dialog.getByLabel('Your own password').fill(administrator.password)
  const begun = page.waitForEvent('download')
  await act.click()
  const download = await begun
  t.match(download.suggestedFilename(), /^hoist-\d{8}T\d{6}Z\.hoistbackup$/)
  const file = join(files, download.suggestedFilename())
  await download.saveAs(file)
  await page.getByText('The export is saved by the browser').waitFor()

  await page.getByRole('button', { name: 'Restore an export…' }).click()
  await page.getByRole('dialog').getByLabel('Your own password').waitFor()
  await look(page, 'backup-import')
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()

  const { address, setupCode } = await startFresh()
  const fresh = await journey.open({ viewport: looks[0].viewport })
  await fresh.goto(address)
  await fresh.getByLabel('Setup code').fill(setupCode)
  await fresh.getByRole('button', { name: 'Go on' }).click()
  await fresh.getByRole('button', { name: 'Restore from a backup…' }).waitFor()
  await look(fresh, 'wizard-first')
  await fresh.getByRole('button', { name: 'Restore from a backup…' }).click()
  const asked = fresh.getByRole('dialog')
  t.equal(await asked.getByLabel('Your own password').count(), 0, 'there is no account yet')
  await asked.getByLabel('Exported file').setInputFiles(file)
  await asked.getByLabel('Passphrase of the export').fill('some other words')
  await asked.getByRole('button', { name: 'Restore' }).click()
  await asked.getByText('EXPORT_PASSPHRASE_WRONG').waitFor()
  await look(fresh, 'wizard-import')
  await asked.getByLabel('Passphrase of the export').fill(passphrase)
  await asked.getByRole('button', { name: 'Restore' }).click()
  // By itself: to the sign-in of the appliance that it has become.
  await fresh.getByRole('heading', { name: 'Sign in' }).waitFor({ timeout: 60_000 })
  await fresh.getByLabel('User name').fill(administrator.name)
  await fresh.getByLabel('Password').fill(administrator.password)
  await fresh.getByRole('button', { name: 'Sign in' }).click()
  await fresh.getByRole('button', { name: 'Sign out' }).waitFor()
  t.pass('whoever had an account there has it here')
})

t.test('an export that is sent shows how far it is, and is cancelled without a trace', async t => {
  const page = await journey.open({ viewport: looks[0].viewport })
  await journey.signIn(page, '/settings/backups')
  const session = await page.context().newCDPSession(page)
  await session.send('Network.emulateNetworkConditions', {
    ...{ offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 2 * 2 ** 20 },
  })
  const file = join(files, 'large.hoistbackup')
  await writeFile(file, Buffer.alloc(40 * 2 ** 20))
  await page.getByRole('button', { name: 'Restore an export…' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Exported file').setInputFiles(file)
  await dialog.getByLabel('Passphrase of the export').fill(passphrase)
  await dialog.getByLabel('Your own password').fill(administrator.password)
  await dialog.getByRole('button', { name: 'Restore' }).click()
  await dialog.getByText(/ s left$/).waitFor()
  t.match(
    await dialog.getByRole('progressbar').getAttribute('aria-valuetext'),
    /^\d+%, [\d.]+ MiB of 40 MiB, [\d.]+ [KM]iB\/s, \d+ s left$/,
  )
  await look(page, 'backup-sending')
  const sent = async () => (await readdir(join(journey.site.dataDir, 'backups'))).filter(name => /upload/.test(name))
  t.strictSame(await sent(), ['upload.hoistbackup.part'])
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await dialog.waitFor({ state: 'detached' })
  while ((await sent()).length > 0) await page.waitForTimeout(50)
  await page.context().close()
})
