// What the audit log says of a change: who, when, from where, what, before and after; and what it never says.
import t from 'tap'
import type { AuditEntry } from '../../appliance/api/schemas/audit.ts'
import { ApplianceError } from '../../appliance/errors.ts'
import { goodPassword, otherPassword } from '../accounts/access-lab.ts'
import { startAccessApi } from './access-api.ts'
import { apiToken } from './memory-api.ts'

let policy = {
  timeZone: 'UTC',
  bandwidth: { timetable: [] },
  blackouts: [],
  datastoreFloor: { percent: 10, bytes: 0 },
  pauseAfterFailures: 3,
  snapshotAgeHours: 24,
}
let failing: Error | undefined
const { api, lab, browser, signedIn, close } = await startAccessApi({
  policy: {
    get: async () => policy,
    async set(next) {
      if (failing) throw failing
      policy = next as typeof policy
      return next
    },
  },
})
t.teardown(close)
const anna = await signedIn('administrator', 'anna')
const entries = async (limit = 50) => (await lab.access.audit.list({ limit })).items as AuditEntry[]
const newest = async () => (await entries(1))[0]

t.test('a change is there with who, when, from where, what, before and after', async t => {
  lab.clock.add(1000)
  t.equal((await anna.ask('PUT', '/api/policy', { ...policy, pauseAfterFailures: 5 })).status, 200)
  t.match(await newest(), {
    at: '2026-03-01T08:00:01.000Z',
    actor: { kind: 'account', name: 'anna', id: /-/ },
    address: '192.0.2.1',
    method: 'PUT',
    route: '/api/policy',
    target: {},
    status: 200,
    outcome: 'done',
    request: { pauseAfterFailures: 5 },
    before: { pauseAfterFailures: 3 },
    after: { pauseAfterFailures: 5 },
  })
})

t.test('a backup that is carried off is there, too, and its passphrase is not', async t => {
  const passphrase = 'fourteen herons in a row'
  await anna.ask('POST', '/api/backups/hoist-20260301T020000Z.db/export', { passphrase, password: goodPassword })
  const entry = await newest()
  t.match(entry, { actor: { name: 'anna' }, method: 'POST', target: { name: 'hoist-20260301T020000Z.db' } })
  t.match(entry, { route: '/api/backups/:name/export', request: { passphrase: '[secret]', password: '[secret]' } })
  await anna.ask('GET', '/api/support/bundle')
  t.match(await newest(), { method: 'GET', route: '/api/support/bundle' })
})

t.test('what was refused and what failed is there too, with the code', async t => {
  failing = new ApplianceError('POLICY_INVALID', 'no', { hint: 'h', statusCode: 409 })
  await anna.ask('PUT', '/api/policy', policy)
  t.match(await newest(), { status: 409, outcome: 'refused', code: 'POLICY_INVALID', before: {}, after: undefined })
  failing = new Error('the disk is on fire')
  await anna.ask('PUT', '/api/policy', policy)
  t.match(await newest(), { status: 500, outcome: 'failed', code: 'INTERNAL' })
  t.notOk(JSON.stringify(await newest()).includes('fire'))
  failing = undefined
  const bert = await signedIn('support', 'bert')
  await bert.ask('PUT', '/api/policy', policy)
  t.match(await newest(), { actor: { name: 'bert' }, status: 403, code: 'FORBIDDEN', before: undefined })
})

t.test('reading is no change, and what was not understood did nothing', async t => {
  const before = (await entries(500)).length
  await anna.ask('GET', '/api/policy')
  await anna.ask('PUT', '/api/policy', { colour: 'green' })
  await anna.ask('POST', '/api/password-check', { password: 'x' })
  await browser().ask('PUT', '/api/policy', policy)
  t.equal((await entries(500)).length, before)
})

t.test('sign-ins are there, also failed ones, but not what was typed for a name', async t => {
  await browser().signIn('anna', goodPassword)
  t.match(await newest(), { actor: { kind: 'account', name: 'anna' }, outcome: 'done', request: undefined })
  await browser().signIn('ANNA', otherPassword)
  t.match(await newest(), { actor: { kind: 'nobody', name: 'anna' }, status: 401, code: 'SIGN_IN_FAILED' })
  await browser().signIn(goodPassword, 'anna')
  t.match(await newest(), { actor: { kind: 'nobody', name: 'nobody known' }, status: 401 })
  await browser().ask('POST', '/api/setup/code', { code: 'BCDF-BCDF-BCDF-BCDF' })
  t.match(await newest(), { route: '/api/setup/code', code: 'ALREADY_CLAIMED' })
  await anna.ask('PUT', '/api/session/password', { current: otherPassword, next: otherPassword })
  t.match(await newest(), { code: 'PASSWORD_WRONG', request: { current: '[secret]', next: '[secret]' } })
})

t.test('tokens and scripts are told apart', async t => {
  const { id, token } = (
    await anna.ask<{ id: string; token: string }>('POST', '/api/tokens', { name: 'ci', readOnly: false })
  ).body
  t.match(await newest(), { route: '/api/tokens', request: { name: 'ci' } })
  await browser().ask('PUT', '/api/policy', policy, { authorization: `Bearer ${token}` })
  t.match(await newest(), { actor: { kind: 'token', name: 'ci', id } })
  await api.inject({
    method: 'PUT',
    url: '/api/policy',
    payload: policy,
    headers: { authorization: `Bearer ${apiToken}` },
  })
  t.match(await newest(), { actor: { kind: 'local' } })
  await anna.ask('DELETE', `/api/tokens/${id}`)
  t.match(await newest(), { target: { id }, before: { name: 'ci' }, after: undefined })
})

t.test('an account is there before and after, and its password is not', async t => {
  const made = await anna.ask<{ id: string }>('POST', '/api/accounts', {
    name: 'carl',
    role: 'support',
    password: goodPassword,
  })
  t.match(await newest(), { request: { name: 'carl', password: '[secret]' } })
  const { id } = made.body
  await anna.ask('PATCH', `/api/accounts/${id}`, { role: 'operator', password: otherPassword })
  t.match(await newest(), { target: { id }, before: { role: 'support' }, after: { role: 'operator' } })
  await anna.ask('DELETE', `/api/accounts/${id}`)
  const all = JSON.stringify(await entries(500))
  for (const secret of [
    goodPassword,
    otherPassword,
    apiToken,
    'hoist_',
    anna.cookie?.split('=')[1] ?? '-',
    anna.csrf ?? '-',
  ])
    t.notOk(all.includes(secret), secret.slice(0, 6))
})

t.test('who is refused again and again cannot fill the log', async t => {
  const bert = await signedIn('support', 'bert')
  const before = (await entries(500)).length
  for (let time = 0; time < 100; time++) await bert.ask('PUT', '/api/policy', policy)
  const added = (await entries(500)).length - before
  t.ok(added > 10 && added <= 60, `${added}`)
  t.equal((await anna.ask('PUT', '/api/policy', policy)).status, 200)
  t.match(await newest(), { actor: { name: 'anna' }, outcome: 'done' })
})

t.test('a log that cannot be written does not undo what was done', async t => {
  const { add } = lab.access.audit
  lab.access.audit.add = async () => {
    throw new Error('full')
  }
  t.equal((await anna.ask('PUT', '/api/policy', { ...policy, pauseAfterFailures: 9 })).status, 200)
  lab.access.audit.add = add
  t.equal(policy.pauseAfterFailures, 9)
})
