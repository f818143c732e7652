// Signing in and out as a browser does it, and every way to get in without.
import t from 'tap'
import { absoluteMs, idleMs } from '../../appliance/accounts/sessions.ts'
import { goodPassword, otherPassword } from '../accounts/access-lab.ts'
import { startAccessApi } from './access-api.ts'

const { api, lab, browser, signedIn, close } = await startAccessApi()
t.teardown(close)
const { clock } = lab

t.test('before there is an account the page is told so', async t => {
  t.strictSame((await browser().ask('GET', '/api/session')).body, { state: 'unclaimed', setupComplete: false })
})

t.test('a session begins, shows who it is, and ends', async t => {
  const anna = await signedIn('administrator', 'anna')
  const { body, headers } = await anna.ask('GET', '/api/session')
  t.match(body, { state: 'signedIn', account: { name: 'anna', role: 'administrator' }, csrf: /^[\w-]{43}$/ })
  t.equal(headers['set-cookie'], undefined)
  t.equal((await anna.ask('GET', '/api/accounts')).status, 200)
  const { cookie } = anna
  const out = await anna.ask('DELETE', '/api/session')
  t.equal(out.status, 204)
  t.match(out.headers['set-cookie'], /^__Host-hoist=; Max-Age=0; Path=\/; Secure; HttpOnly; SameSite=Strict$/)
  t.strictSame((await anna.ask('GET', '/api/session')).body, { state: 'signedOut', setupComplete: false })
  t.comment('the cookie of then opens nothing any more')
  t.equal((await anna.ask('GET', '/api/accounts', undefined, { cookie })).status, 401)
})

t.test('the cookie is for https, this host and this page only, and no script reads it', async t => {
  const answer = await browser().signIn('ANNA', goodPassword)
  t.match(answer, { status: 200, body: { account: { name: 'anna' } } })
  t.match(answer.headers['set-cookie'], /^__Host-hoist=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Strict$/)
  t.notOk(JSON.stringify(answer.body).includes(String(answer.headers['set-cookie']).slice(13, 56)))
})

t.test('a sign-in never takes over a session that was there, whoever planted it', async t => {
  const planted = browser()
  planted.cookie = `__Host-hoist=${'p'.repeat(43)}`
  const { cookie: before } = planted
  await planted.signIn('anna', goodPassword)
  t.not(planted.cookie, before)
  t.equal((await browser().ask('GET', '/api/jobs', undefined, { cookie: before })).status, 401)
  const own = planted.cookie
  await planted.signIn('anna', goodPassword)
  t.not(planted.cookie, own)
  t.equal(
    (await browser().ask('GET', '/api/accounts', undefined, { cookie: own })).status,
    401,
    'the old one has ended',
  )
})

t.test('a wrong password and an unknown name are answered alike', async t => {
  const wrong = await browser().signIn('anna', otherPassword)
  const unknown = await browser().signIn('nobody', otherPassword)
  t.equal(wrong.status, 401)
  t.strictSame(wrong.body, unknown.body)
  t.strictSame(wrong.status, unknown.status)
  t.equal(wrong.headers['set-cookie'], undefined)
  t.match(wrong.body, { code: 'SIGN_IN_FAILED' })
})

t.test('a change needs the value that belongs to this very session', async t => {
  const anna = await signedIn('administrator', 'anna')
  const other = await signedIn('administrator', 'anna')
  const token = { name: 'ci', readOnly: true }
  for (const csrf of [undefined, '', 'x', other.csrf, `${anna.csrf}x`, `${anna.csrf}`.toUpperCase()]) {
    const answer = await anna.ask('POST', '/api/tokens', token, { 'x-hoist-csrf': csrf })
    t.match(answer, { status: 403, body: { code: 'CSRF_REFUSED' } }, String(csrf))
  }
  t.equal((await anna.ask('POST', '/api/tokens', token)).status, 201)
  t.equal((await anna.ask('GET', '/api/tokens', undefined, { 'x-hoist-csrf': undefined })).status, 200)
})

t.test('a page of another site gets nowhere, whatever it sends', async t => {
  const anna = await signedIn('administrator', 'anna')
  const body = { name: 'ci', readOnly: true }
  for (const origin of [
    'https://evil.example',
    'null',
    'http://appliance.example:8443',
    'https://appliance.example',
    'https://appliance.example:8443.evil.example',
    'https://appliance.example:8443@evil.example',
    '',
  ]) {
    t.match(
      await anna.ask('POST', '/api/tokens', body, { origin }),
      { status: 403, body: { code: 'ORIGIN_REFUSED' } },
      origin,
    )
    t.equal(
      (await anna.ask('GET', '/api/accounts', undefined, { origin })).status,
      403,
      `${origin} reads nothing either`,
    )
    t.equal(
      (await browser().ask('POST', '/api/session', { name: 'anna', password: goodPassword }, { origin })).status,
      403,
    )
  }
  for (const site of ['cross-site', 'same-site'])
    t.equal((await anna.ask('POST', '/api/tokens', body, { 'sec-fetch-site': site })).status, 403, site)
  t.equal((await anna.ask('POST', '/api/tokens', body, { host: 'evil.example' })).status, 403, 'a forged host')
  t.equal((await anna.ask('POST', '/api/tokens', body, { origin: undefined, 'sec-fetch-site': undefined })).status, 201)
})

t.test('it ends when nobody does anything, and timers of the page are nobody', async t => {
  const anna = await signedIn('administrator', 'anna')
  clock.add(idleMs - 1000)
  t.equal((await anna.ask('GET', '/api/accounts')).status, 200)
  clock.add(idleMs - 1000)
  t.equal((await anna.ask('GET', '/api/accounts', undefined, { 'x-hoist-background': '1' })).status, 200)
  clock.add(2000)
  t.equal((await anna.ask('GET', '/api/accounts')).status, 401)
  t.match((await anna.ask('GET', '/api/session')).body, { state: 'signedOut' })
})

t.test('it ends after a day of work, however busy', async t => {
  const anna = await signedIn('administrator', 'anna')
  const end = clock.nowMs + absoluteMs
  while (clock.nowMs + idleMs / 2 < end) {
    clock.add(idleMs / 2)
    if (clock.nowMs >= end) break
    t.equal((await anna.ask('GET', '/api/accounts')).status, 200)
  }
  clock.nowMs = end
  t.equal((await anna.ask('GET', '/api/accounts')).status, 401)
})

t.test('a new password ends all other sessions, and the own one goes on under another secret', async t => {
  const bert = await signedIn('operator', 'bert')
  const elsewhere = await signedIn('operator', 'bert')
  const { cookie } = bert
  t.match(await bert.ask('PUT', '/api/session/password', { current: otherPassword, next: otherPassword }), {
    status: 403,
    body: { code: 'PASSWORD_WRONG' },
  })
  t.match(await bert.ask('PUT', '/api/session/password', { current: goodPassword, next: 'short' }), {
    status: 422,
    body: { code: 'PASSWORD_WEAK', message: /12 characters/ },
  })
  t.equal((await elsewhere.ask('GET', '/api/jobs')).status !== 401, true)
  const changed = await bert.ask('PUT', '/api/session/password', { current: goodPassword, next: otherPassword })
  t.match(changed, { status: 200, body: { state: 'signedIn' } })
  t.not(bert.cookie, cookie)
  t.equal((await browser().ask('GET', '/api/session', undefined, { cookie })).body.message, undefined)
  t.match((await browser().ask('GET', '/api/session', undefined, { cookie })).body, { state: 'signedOut' })
  t.match((await elsewhere.ask('GET', '/api/session')).body, { state: 'signedOut' })
  t.equal((await bert.ask('POST', '/api/tokens', { name: 'a', readOnly: true })).status, 201, 'with its new value')
  t.equal((await browser().signIn('bert', goodPassword)).status, 401)
  t.equal((await browser().signIn('bert', otherPassword)).status, 200)
})

t.test('guessing is slowed down, then stopped; the right password waits with the wrong ones', async t => {
  await lab.access.accounts.create({ name: 'carl', role: 'support', password: goodPassword })
  for (let guess = 0; guess < 5; guess++)
    t.equal((await browser().signIn('carl', `${otherPassword} ${guess}`)).status, 401)
  const locked = await browser().signIn('carl', goodPassword)
  t.match(locked, { status: 429, body: { code: 'SIGN_IN_LOCKED', hint: /Wait 30 seconds/ } })
  t.equal(locked.headers['retry-after'], '30')
  t.equal((await browser().signIn('anna', goodPassword)).status, 200, 'others are not held up')
  const anna = await signedIn('administrator', 'anna')
  const { items } = (
    await anna.ask<{ items: { id: string; name: string; lockedUntil?: string }[] }>('GET', '/api/accounts')
  ).body
  const carl = items.find(item => item.name === 'carl')
  t.ok(carl?.lockedUntil)
  t.equal((await anna.ask('PATCH', `/api/accounts/${carl?.id}`, { unlock: true })).status, 200)
  t.equal((await browser().signIn('carl', goodPassword)).status, 200)
})

t.test('a name that no account has is locked out just the same', async t => {
  const answers = []
  for (let guess = 0; guess < 6; guess++) answers.push((await browser().signIn('phantom', otherPassword)).status)
  t.strictSame(answers, [401, 401, 401, 401, 401, 429])
})

t.test('one address that tries many names is stopped as well', async t => {
  const address = '198.51.100.7'
  const answers = []
  for (let name = 0; name < 22; name++)
    answers.push((await browser(address).signIn(`name-${name}`, otherPassword)).status)
  t.strictSame(answers.slice(0, 20), Array(20).fill(401))
  t.strictSame(answers.slice(20), [429, 429])
  t.equal((await browser('198.51.100.8').signIn('anna', goodPassword)).status, 200)
})

t.test('cookies of another form, and two of them, are none', async t => {
  const anna = await signedIn('administrator', 'anna')
  const secret = anna.cookie?.split('=')[1] ?? ''
  const cookies = [
    `hoist=${secret}`,
    `__Host-hoist=${secret.slice(1)}`,
    `__Host-hoist=${secret}x`,
    `__Host-hoist="${secret}"`,
    `__Host-hoist=${secret}; __Host-hoist=${'q'.repeat(43)}`,
    `__Host-hoist=${secret}; __Host-hoist=${secret}`,
    `__Host-hoist==${secret}`,
  ]
  for (const cookie of cookies)
    t.equal((await anna.ask('GET', '/api/accounts', undefined, { cookie })).status, 401, cookie.slice(0, 20))
  const cookie = `other=1; __Host-hoist=${secret} ;x=__Host-hoist=1`
  t.equal((await anna.ask('GET', '/api/accounts', undefined, { cookie })).status, 200)
})

t.test('with an Authorization header the cookie does not count', async t => {
  const anna = await signedIn('administrator', 'anna')
  t.equal((await anna.ask('GET', '/api/accounts', undefined, { authorization: 'Bearer wrong' })).status, 401)
})

t.test('no secret of a session is in an answer, in the log of changes or in the database', async t => {
  const anna = await signedIn('administrator', 'anna')
  const secret = anna.cookie?.split('=')[1] ?? ''
  const { body } = await anna.ask('GET', '/api/audit')
  t.notOk(JSON.stringify(body).includes(secret))
  t.notOk(JSON.stringify(body).includes(goodPassword))
  await lab.store.backup()
  const { readFile } = await import('node:fs/promises')
  const { join } = await import('node:path')
  for (const file of ['hoist.db', 'hoist.db-wal']) {
    const bytes = await readFile(join(lab.dataDir, file))
    t.notOk(bytes.includes(secret), file)
    t.notOk(bytes.includes(goodPassword), file)
  }
})

t.test('the hint on a password says what is wrong, to who may set one', async t => {
  t.equal((await browser().ask('POST', '/api/password-check', { password: 'x' })).status, 401)
  const anna = await signedIn('administrator', 'anna')
  t.match((await anna.ask('POST', '/api/password-check', { password: 'anna2024anna', name: 'anna' })).body, {
    acceptable: false,
    problems: [{ code: 'NAME' }],
  })
  t.match((await anna.ask('POST', '/api/password-check', { password: goodPassword })).body, {
    acceptable: true,
    score: 3,
  })
})

t.test('scripts see who they are, and have no password', async t => {
  const headers = { authorization: `Bearer ${'a'.repeat(43)}` }
  const view = await api.inject({ url: '/api/session', headers })
  t.match(view.json(), { state: 'signedIn', account: { role: 'administrator' } })
  t.equal(view.json().csrf, undefined)
  const payload = { current: goodPassword, next: otherPassword }
  t.equal((await api.inject({ method: 'PUT', url: '/api/session/password', headers, payload })).statusCode, 403)
})
