// A damaged database in a real browser: the page says what is wrong, saves what there is, restores a backup by clicks, and goes on.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Page } from 'playwright-core'
import t from 'tap'
import { unseal } from '../../appliance/store/sealed-stream.ts'
import { axeFindings, type Journey, narrow, overhang, shoot, startJourney, wide } from './browser.ts'

const root = join(import.meta.dirname, '..', '..')
const looks = [
  { name: 'wide-light', viewport: wide, theme: 'light' },
  { name: 'wide-dark', viewport: wide, theme: 'dark' },
  { name: 'narrow-light', viewport: narrow, theme: 'light' },
  { name: 'narrow-dark', viewport: narrow, theme: 'dark' },
] as const

const passphrase = 'fourteen herons in a row'

let journey: Journey
let child: ChildProcess | undefined

t.before(async () => {
  journey = await startJourney({ vms: [{ name: 'web01', disks: [{ sizeBytes: 8 << 20, seed: 1 }] }] })
  await journey.site.setUp()
  await journey.claim()
  await journey.site.replicate('web01')
})
t.teardown(async () => {
  if (child && child.exitCode === null) {
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
  await journey.stop()
})

/** The appliance as `npm start` runs it, at the address that the browser knows; resolves once it serves the rescue mode. */
async function startDamaged(): Promise<{ ready: Promise<void> }> {
  const started = spawn(process.execPath, ['appliance/main.ts'], {
    cwd: root,
    env: {
      PATH: process.env.PATH,
      HOIST_DATA_DIR: journey.site.dataDir,
      HOIST_HOST: '127.0.0.1',
      HOIST_PORT: new URL(journey.address).port,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  child = started
  const lines = createInterface({ input: started.stdout })
  const said = (words: string) =>
    new Promise<void>((resolve, reject) => {
      lines.on('line', line => line.includes(words) && resolve())
      started.once('exit', code => reject(new Error(`The appliance ended with ${code} before it said "${words}"`)))
    })
  const ready = said('appliance ready')
  // Whoever waits for it is told; until then it may end, too.
  ready.catch(() => undefined)
  await said('rescue mode ready')
  return { ready }
}

async function unsealed(sealed: Buffer): Promise<Buffer> {
  async function* whole() {
    yield sealed
  }
  return Buffer.concat(await Array.fromAsync(unseal(whole(), passphrase)))
}

async function prove(page: Page, token: string): Promise<void> {
  await page.getByLabel('API token').fill(token)
  await page.getByRole('button', { name: 'Open' }).click()
}

t.test('a browser that finds the database damaged restores it by clicks', async t => {
  const { site, address } = journey
  const page = await journey.open()
  await journey.signIn(page, '/settings/backups')
  await page.getByRole('button', { name: 'Back up now' }).click()
  await page.getByText('The backup is made').waitFor()
  // The first of all was made at the start, before there was an administrator.
  const { body } = await site.call<{ items: { name: string }[] }>('GET', '/api/backups')
  const backup = body.items[0]?.name ?? ''
  await page.getByText(backup).waitFor()

  await site.app.stop()
  const database = join(site.dataDir, 'hoist.db')
  // A backup of a later day that is itself damaged, and a database that lost its second half.
  writeFileSync(join(site.dataDir, 'backups', 'hoist-20990101T020000Z.db'), readFileSync(database).subarray(0, 12288))
  truncateSync(database, Math.floor(statSync(database).size / 2 / 4096) * 4096)
  const { ready } = await startDamaged()

  await page.reload()
  await page.getByRole('heading', { name: 'The database is damaged', level: 1 }).waitFor()
  t.notOk((await page.content()).includes(backup), 'nothing is told before the token is shown')
  await prove(page, 'x'.repeat(43))
  await page.getByText('UNAUTHORIZED').waitFor()
  const token = site.app.token
  await prove(page, token)
  await page.getByText(backup).waitFor()
  const damagedRow = page.getByRole('row', { name: /hoist-20990101/ })
  await damagedRow.getByText('Damaged').waitFor()
  t.equal(await damagedRow.getByRole('button', { name: 'Restore' }).count(), 0, 'it cannot be restored')

  const bytes = readFileSync(database)
  const save = async (name: string) => {
    await page.getByRole('button', { name, exact: true }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Passphrase of the export').fill(passphrase)
    await dialog.getByLabel('Passphrase again').fill(passphrase)
    const begun = page.waitForEvent('download')
    await dialog.getByRole('button', { name: 'Export' }).click()
    const download = await begun
    await dialog.waitFor({ state: 'detached' })
    return { name: download.suggestedFilename(), plain: await unsealed(readFileSync(await download.path())) }
  }
  const damaged = await save('Export the damaged database')
  t.equal(damaged.name, 'hoist.hoistbackup')
  t.ok(damaged.plain.includes(bytes), 'as it is, byte for byte')
  const copy = await save(`Export ${backup}`)
  t.equal(copy.name, backup.replace('.db', '.hoistbackup'))
  t.ok(copy.plain.includes(readFileSync(join(site.dataDir, 'backups', backup))))

  for (const look of looks) {
    const other = await journey.open(look)
    await other.goto(`${address}/runs`)
    await other.getByRole('heading', { name: 'The database is damaged' }).waitFor()
    t.strictSame(await axeFindings(other), [], `${look.name}: what asks for the token is accessible`)
    t.equal(await overhang(other), 0)
    await shoot(other, `${look.name}-rescue-token`)
    await prove(other, token)
    await other.getByRole('heading', { name: 'Backups' }).waitFor()
    t.strictSame(await axeFindings(other), [], `${look.name}: accessible`)
    t.equal(await overhang(other), 0, `${look.name}: no wider than the window`)
    await shoot(other, `${look.name}-rescue`)
    await other.context().close()
  }

  await page.getByRole('button', { name: `Restore ${backup}` }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByText('The damaged database is kept in the data directory.').waitFor()
  await shoot(page, 'wide-light-rescue-restore')
  await dialog.getByRole('button', { name: 'Restore' }).click()
  await page.getByRole('heading', { name: 'The backup is restored' }).waitFor()
  await ready
  // By itself: to the appliance that works again, with the session that was there when the backup was made.
  await page.getByRole('button', { name: 'Sign out' }).waitFor({ timeout: 30_000 })
  const kept = readdirSync(site.dataDir).find(name => /^damaged-.*\.db$/.test(name))
  t.ok(kept && readFileSync(join(site.dataDir, kept)).equals(bytes), 'the damaged database is kept')

  await page.getByRole('link', { name: 'Runs', exact: true }).click()
  await page.getByRole('row', { name: /web01/ }).getByText('Succeeded').waitFor()
  t.pass('the history is there')
  await page.getByRole('link', { name: 'Connectors' }).click()
  await page.getByRole('button', { name: 'It is the connector' }).waitFor()
  t.pass('and the page asks what this appliance is, as the help said')
  rmSync(join(site.dataDir, 'backups', 'hoist-20990101T020000Z.db'))
})
