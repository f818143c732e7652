// The log bundle in a real browser: downloaded by clicks, opened by tar, and read.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { createLogger } from '../../appliance/log.ts'
import { openLogFile } from '../../appliance/log-file.ts'
import { planted } from '../support/planted.ts'
import { administrator, type Journey, startJourney } from './browser.ts'

const server = 'payroll-zurich-07'
const address = '10.77.66.55'
let journey: Journey

t.before(async () => {
  journey = await startJourney(
    { vms: [{ name: server, disks: [{ sizeBytes: 4 << 20, seed: 1 }], nics: [{ addresses: [address] }] }] },
    {},
    dataDir => createLogger({ logLevel: 'info' }, openLogFile(dataDir)),
  )
  const { site } = journey
  await site.setUp()
  await journey.claim()
  await site.replicate(server)
  // Words of a failure name the server, and stand in the log.
  await site.lab.awsControl('POST', '/imports', { next: { fail: 'ClientError: Unsupported kernel version' } })
  const { body } = await site.call<{ items: { id: string }[] }>('GET', '/api/jobs')
  const again = await site.call<{ id: string }>('POST', `/api/jobs/${body.items[0]?.id}/runs`)
  await site.until(again.body.id, ({ endedAt }) => endedAt !== undefined)
  await site.health()
})
t.teardown(() => journey.stop())

interface Opened {
  fileName: string
  files: Record<string, string>
  text: string
}

/** What the link gives, as tar opens it. */
async function download(t: Test, page: Page, link: string): Promise<Opened> {
  const begun = page.waitForEvent('download')
  await page.getByRole('link', { name: link }).click()
  const saved = await begun
  const directory = t.testdir({})
  execFileSync('tar', ['xzf', await saved.path()], { cwd: directory })
  const [folder = ''] = readdirSync(directory)
  const names = readdirSync(join(directory, folder), { recursive: true, withFileTypes: true })
  const files = Object.fromEntries(
    names
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath, entry.name))
      .map(path => [path.slice(join(directory, folder).length + 1), readFileSync(path, 'utf8')]),
  )
  return { fileName: saved.suggestedFilename(), files, text: JSON.stringify(files) }
}

/** Every secret that was typed into this appliance, and those it has made. */
function secrets() {
  const { lab, app } = journey.site
  const all = planted()
  all.add('password of the administrator', administrator.password)
  all.add('password of vCenter', lab.vcenter.connector.password)
  all.add('secret access key', lab.aws.connector.secretAccessKey)
  all.add('API token', app.token)
  return all
}

t.test('one click on the dashboard downloads what support asks for, and no secret', async t => {
  const page = await journey.open()
  await journey.signIn(page)
  const { fileName, files, text } = await download(t, page, 'Download log bundle')
  t.match(fileName, /^hoist-logs-\d{8}T\d{6}Z\.tar\.gz$/)
  const names = Object.keys(files).sort()
  t.comment(names.join(' '))
  for (const name of ['versions.json', 'settings.json', 'health.json', 'runs.json', 'database.json', 'network.json'])
    t.ok(names.includes(name), name)
  t.ok(
    names.some(name => /^logs\/.*\.log$/.test(name)),
    'the log',
  )
  t.notOk(
    names.some(name => /\.(db|key|crt|pem)$|token/.test(name)),
    'no database, no key, no token',
  )
  t.match(JSON.parse(files['database.json'] ?? ''), { ok: true, findings: [] }, 'the database was checked')
  t.match(files['runs.json'], /Unsupported kernel version/, 'why the last run failed')
  const logged = names.filter(name => name.startsWith('logs/')).map(name => files[name] ?? '')
  t.match(logged.join(''), new RegExp(server), 'the log names the server')
  t.strictSame(secrets().search('the bundle', text), [])
  t.notMatch(text, /notAvailable/, 'nothing could not be had')
  for (const [name, content] of Object.entries(files))
    if (name.endsWith('.json')) t.doesNotThrow(() => JSON.parse(content), `${name} is JSON`)
})

t.test('with names and addresses replaced no server, host or account can be told from it', async t => {
  const { lab } = journey.site
  const page = await journey.open()
  await journey.signIn(page, '/support')
  await page.getByLabel('All there is').check()
  await page.getByLabel('Replace names and addresses').check()
  const { files, text } = await download(t, page, 'Download the bundle')
  // The lab's own addresses are loopback, which is nobody's.
  for (const name of [server, address, lab.vcenter.connector.username]) t.notOk(text.includes(name), name)
  t.match(text, /server-1/, 'but which one is which can be told')
  t.match(JSON.parse(files['database.json'] ?? ''), { ok: true })
  t.strictSame(secrets().search('the bundle', text), [])
})
