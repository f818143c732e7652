// Claiming a new appliance: by whoever reads its console, once, and by nobody else.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { SetupView } from '../../appliance/api/schemas/setup.ts'
import { goodPassword } from '../accounts/access-lab.ts'
import { startAccessApi } from './access-api.ts'
import { apiToken } from './memory-api.ts'

async function start(t: Test) {
  const site = await startAccessApi()
  t.teardown(site.close)
  const code = (await site.lab.access.ensureSetupCode()) ?? ''
  return { ...site, code }
}
const administrator = { name: 'anna', password: goodPassword }

t.test('who has the code makes the administrator and is signed in; then the code is gone', async t => {
  const { browser, code, lab } = await start(t)
  const page = browser()
  const opened = await page.ask('POST', '/api/setup/code', { code: code.toLowerCase().replaceAll('-', ' ') })
  t.match(opened, { status: 200, body: { state: 'unclaimed', csrf: /./ } })
  t.match((await page.ask('GET', '/api/session')).body, { state: 'unclaimed', csrf: /./ }, 'a reload goes on')
  t.match((await page.ask<SetupView>('PUT', '/api/setup/steps/licence', { done: true })).body.steps[0], {
    state: 'done',
  })
  const setupCookie = page.cookie
  const setupCsrf = page.csrf
  const made = await page.ask('POST', '/api/setup/administrator', administrator)
  t.match(made, { status: 201, body: { state: 'signedIn', account: { name: 'anna', role: 'administrator' } } })
  t.not(page.cookie, setupCookie, 'the session changes with what it may')
  t.not(page.csrf, setupCsrf)
  t.equal((await page.ask('GET', '/api/accounts')).status, 200)
  t.match((await page.ask<SetupView>('GET', '/api/setup')).body.steps[1], { id: 'password', state: 'done' })

  t.equal(await lab.access.ensureSetupCode(), undefined)
  t.equal(await lab.store.secrets.get('setup.code'), undefined)
  t.match(await browser().ask('POST', '/api/setup/code', { code }), { status: 409, body: { code: 'ALREADY_CLAIMED' } })
  const old = { cookie: setupCookie, 'x-hoist-csrf': setupCsrf }
  t.equal((await browser().ask('POST', '/api/setup/administrator', administrator, old)).status, 401)
  t.equal((await browser().ask('GET', '/api/setup', undefined, old)).status, 401)
})

t.test('without the code, nothing', async t => {
  const { browser, code, lab } = await start(t)
  const stranger = browser()
  t.equal((await stranger.ask('POST', '/api/setup/administrator', administrator)).status, 401)
  t.equal((await stranger.ask('GET', '/api/setup')).status, 401)
  t.equal((await stranger.ask('PUT', '/api/setup/steps/licence', { done: true })).status, 401)
  for (const wrong of ['x', code.slice(0, -1), `${code}K`, 'BCDF-BCDF-BCDF-BCDF'])
    t.match(await browser().ask('POST', '/api/setup/code', { code: wrong }), {
      status: 403,
      body: { code: 'SETUP_CODE_WRONG' },
    })
  for (const none of [{}, { code: '' }, { code: 'x'.repeat(65) }, { code: [code] }])
    t.equal((await browser().ask('POST', '/api/setup/code', none)).status, 400)
  t.equal(await lab.access.accounts.hasAdministrator(), false)
})

t.test('wrong codes are slowed down, from one address and from all together', async t => {
  const { browser, code, lab } = await start(t)
  const one = () => browser('198.51.100.1')
  for (let guess = 0; guess < 5; guess++)
    t.equal((await one().ask('POST', '/api/setup/code', { code: 'BCDF-BCDF-BCDF-BCDF' })).status, 403)
  const slowed = await one().ask('POST', '/api/setup/code', { code })
  t.match(slowed, { status: 429, body: { code: 'RATE_LIMITED' }, headers: { 'retry-after': '30' } })
  lab.clock.add(30_000)
  t.equal((await one().ask('POST', '/api/setup/code', { code: 'BCDF-BCDF-BCDF-BCDF' })).status, 403)
  t.equal((await one().ask('POST', '/api/setup/code', { code })).status, 429)
  t.equal((await browser().ask('POST', '/api/setup/code', { code })).status, 200, 'the console is elsewhere')
  for (let address = 0; address < 40; address++)
    await browser(`203.0.113.${address}`).ask('POST', '/api/setup/code', { code: 'BCDF-BCDF-BCDF-BCDF' })
  t.equal((await browser().ask('POST', '/api/setup/code', { code })).status, 429)
  lab.clock.add(2_000)
  t.equal((await browser().ask('POST', '/api/setup/code', { code })).status, 200)
})

t.test('the session of a setup opens the setup and nothing else', async t => {
  const { browser, code, api } = await start(t)
  const page = browser()
  await page.ask('POST', '/api/setup/code', { code })
  for (const [method, url] of [
    ['GET', '/api/settings'],
    ['GET', '/api/accounts'],
    ['GET', '/api/events'],
    ['GET', '/metrics'],
    ['POST', '/api/accounts'],
    ['POST', '/api/tokens'],
  ] as const)
    t.equal((await page.ask(method, url)).status, 401, url)
  t.match(await page.ask('PUT', '/api/setup/steps/aws', { done: true }), { status: 403, body: { code: 'FORBIDDEN' } })
  t.match(await page.ask('POST', '/api/setup/administrator', administrator, { 'x-hoist-csrf': undefined }), {
    status: 403,
    body: { code: 'CSRF_REFUSED' },
  })
  const byScript = await api.inject({
    method: 'POST',
    url: '/api/setup/administrator',
    headers: { authorization: `Bearer ${apiToken}` },
    payload: administrator,
  })
  t.equal(byScript.statusCode, 403)
})

t.test('two who have the code: one becomes the administrator', async t => {
  const { browser, code, lab } = await start(t)
  const pages = [browser(), browser()]
  for (const page of pages) await page.ask('POST', '/api/setup/code', { code })
  const answers = await Promise.all(
    pages.map((page, index) =>
      page.ask('POST', '/api/setup/administrator', { ...administrator, name: `anna${index}` }),
    ),
  )
  t.strictSame(answers.map(answer => answer.status).sort(), [201, 409])
  t.equal((await lab.access.accounts.list()).length, 1)
})

t.test('a weak password claims nothing', async t => {
  const { browser, code, lab } = await start(t)
  const page = browser()
  await page.ask('POST', '/api/setup/code', { code })
  for (const password of ['short', 'password1234', 'anna2026anna', 'aaaaaaaaaaaaaaaa'])
    t.match(await page.ask('POST', '/api/setup/administrator', { name: 'anna', password }), {
      status: 422,
      body: { code: 'PASSWORD_WEAK' },
    })
  t.equal((await page.ask('POST', '/api/setup/administrator', { name: '<b>', password: goodPassword })).status, 400)
  t.equal(await lab.access.accounts.hasAdministrator(), false)
  t.ok(await lab.access.ensureSetupCode())
})

t.test('an administrator that a script on the appliance makes ends the setup, too', async t => {
  const { browser, code, api, lab } = await start(t)
  const page = browser()
  await page.ask('POST', '/api/setup/code', { code })
  const headers = { authorization: `Bearer ${apiToken}` }
  const made = await api.inject({
    method: 'POST',
    url: '/api/accounts',
    headers,
    payload: { ...administrator, role: 'administrator' },
  })
  t.equal(made.statusCode, 201)
  t.equal(await lab.access.ensureSetupCode(), undefined)
  t.equal((await page.ask('POST', '/api/setup/administrator', { ...administrator, name: 'eve' })).status, 401)
})

t.test('steps are kept, can be done again, and survive a restart', async t => {
  const { signedIn, lab } = await start(t)
  const anna = await signedIn('administrator')
  for (const id of ['licence', 'network', 'uploads', 'aws', 'vcenter', 'checks', 'register'])
    t.equal((await anna.ask('PUT', `/api/setup/steps/${id}`, { done: true })).status, 200)
  t.match((await anna.ask('GET', '/api/setup')).body, { complete: true })
  t.match((await anna.ask('GET', '/api/session')).body, { setupComplete: true })
  await anna.ask('PUT', '/api/setup/steps/aws', { done: false })
  t.equal((await anna.ask('PUT', '/api/setup/steps/password', { done: true })).status, 400)
  t.equal((await anna.ask('PUT', '/api/setup/steps/other', { done: true })).status, 400)
  t.equal((await (await signedIn('operator')).ask('PUT', '/api/setup/steps/aws', { done: true })).status, 403)
  const { steps, complete } = await (await lab.restart()).setup.view()
  t.equal(complete, false)
  t.strictSame(
    steps.filter(step => step.state === 'notStarted').map(step => step.id),
    ['aws'],
  )
})

t.test('the code is in no file as it is', async t => {
  const { code, lab } = await start(t)
  for (const file of ['hoist.db', 'hoist.db-wal']) {
    const bytes = await readFile(join(lab.dataDir, file))
    t.notOk(bytes.includes(code))
    t.notOk(bytes.includes(code.replaceAll('-', '')))
  }
})
