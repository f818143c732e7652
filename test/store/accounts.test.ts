// Accounts and failed sign-ins in the database.
import t from 'tap'
import { toRole } from '../../appliance/store/accounts.ts'
import { anna, bert, openAccess } from './access-rows.ts'

t.test('accounts come back as they were made, by name', async t => {
  const { accounts } = openAccess(t)
  t.strictSame(await accounts.list(), [])
  t.strictSame(await accounts.create(bert, 'hash-b'), bert)
  await accounts.create(anna, 'hash-a')
  t.strictSame(await accounts.list(), [anna, bert])
  t.strictSame(await accounts.get('a-1'), anna)
  t.strictSame(await accounts.byName('ANNA'), { account: anna, passwordHash: 'hash-a' })
  t.equal(await accounts.get('none'), undefined)
  t.equal(await accounts.byName('none'), undefined)
  await accounts.signedIn('a-1', new Date('2026-03-03T00:00:00Z'))
  t.match(await accounts.get('a-1'), { lastSignInAt: '2026-03-03T00:00:00.000Z' })
})

t.test('a name is given once', async t => {
  const { accounts } = openAccess(t)
  await accounts.create(anna, 'h')
  await t.rejects(accounts.create({ ...bert, name: 'anna' }, 'h'), { code: 'ACCOUNT_EXISTS', message: /anna/ })
})

t.test('the first administrator is made once', async t => {
  const { accounts } = openAccess(t)
  await accounts.create(bert, 'h')
  t.equal(await accounts.hasAdministrator(), false)
  await accounts.createFirst(anna, 'h')
  t.equal(await accounts.hasAdministrator(), true)
  await t.rejects(accounts.createFirst({ ...anna, id: 'x', name: 'x' }, 'h'), { code: 'ALREADY_CLAIMED' })
  t.equal((await accounts.list()).length, 2)
})

t.test('a new role or password ends the sessions, and nothing else does', async t => {
  const { accounts, sessions } = openAccess(t)
  await accounts.create(anna, 'h')
  await accounts.create(bert, 'h')
  const open = async () => {
    await sessions.create({ hash: 's', accountId: 'b-1', atMs: 0 })
    await sessions.create({ hash: 'other', accountId: 'a-1', atMs: 0 })
  }
  await open()
  t.strictSame(await accounts.update('b-1', {}), bert)
  t.strictSame(await accounts.update('b-1', { role: 'operator' }), bert)
  t.ok(await sessions.get('s'))
  t.strictSame(await accounts.update('b-1', { role: 'support' }), { ...bert, role: 'support' })
  t.equal(await sessions.get('s'), undefined)
  t.ok(await sessions.get('other'))
  await sessions.create({ hash: 's', accountId: 'b-1', atMs: 0 })
  await accounts.update('b-1', { passwordHash: 'new' })
  t.equal(await sessions.get('s'), undefined)
  t.match(await accounts.byName('bert'), { passwordHash: 'new', account: { role: 'support' } })
  await t.rejects(accounts.update('none', {}), { code: 'NOT_FOUND' })
})

t.test('one administrator is kept', async t => {
  const { accounts } = openAccess(t)
  await accounts.create(anna, 'h')
  await accounts.create(bert, 'h')
  await t.rejects(accounts.delete('a-1'), { code: 'LAST_ADMINISTRATOR' })
  await t.rejects(accounts.update('a-1', { role: 'support' }), { code: 'LAST_ADMINISTRATOR' })
  await accounts.update('b-1', { role: 'administrator' })
  await accounts.delete('a-1')
  t.match(await accounts.list(), [{ name: 'bert' }])
  await t.rejects(accounts.delete('a-1'), { code: 'NOT_FOUND' })
})

t.test('failures are kept by name, whatever its case and whether or not there is an account', async t => {
  const { accounts, database } = openAccess(t)
  await accounts.create(anna, 'h')
  const failures = { failures: 3, failedAtMs: 10, lockedUntilMs: 20 }
  for (const name of ['anna', 'Stranger']) {
    await accounts.setFailures(name, failures)
    t.strictSame(await accounts.failures(name.toUpperCase()), failures)
    await accounts.setFailures(name.toUpperCase(), { ...failures, failures: 4 })
    t.match(await accounts.failures(name), { failures: 4 })
  }
  const names = database
    .read(sql => sql.all('SELECT name FROM sign_in_failures ORDER BY name'))
    .map(row => String(row.name))
  t.match(names, [/^#[0-9a-f]{64}$/, 'Anna'], 'what a stranger typed is not kept')
  for (const name of ['ANNA', 'stranger']) {
    await accounts.forgetFailures(name)
    t.equal(await accounts.failures(name), undefined)
  }
})

t.test('a role that is none is the least', async t => {
  t.equal(toRole('administrator'), 'administrator')
  for (const value of ['root', '', null, undefined, 1]) t.equal(toRole(value), 'support')
})
