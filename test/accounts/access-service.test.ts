// The services together: what ends when an appliance is claimed.
import t from 'tap'
import { goodPassword, startAccessLab } from './access-lab.ts'

t.test('a claim makes the administrator, and ends code and sessions of the setup', async t => {
  const lab = await startAccessLab()
  t.teardown(() => lab.close())
  const { access } = lab
  t.ok(await access.ensureSetupCode())
  const setup = await access.sessions.open(undefined)
  await access.settle()
  t.ok(await access.sessions.find(setup.secret, { used: true }), 'nothing is settled yet')
  await t.rejects(access.claim({ name: 'anna', password: 'short' }), { code: 'PASSWORD_WEAK' })
  t.ok(await access.ensureSetupCode())
  const { account, session } = await access.claim({ name: 'anna', password: goodPassword })
  t.match(account, { name: 'anna', role: 'administrator' })
  t.match(await access.sessions.find(session.secret, { used: true }), { account: { id: account.id } })
  t.equal(await access.sessions.find(setup.secret, { used: true }), undefined)
  t.equal(await access.ensureSetupCode(), undefined)
  await t.rejects(access.claim({ name: 'eve', password: goodPassword }), { code: 'ALREADY_CLAIMED' })
})

t.test('an operator alone claims nothing', async t => {
  const lab = await startAccessLab()
  t.teardown(() => lab.close())
  await lab.access.accounts.create({ name: 'bert', role: 'operator', password: goodPassword })
  await lab.access.settle()
  t.ok(await lab.access.ensureSetupCode())
})
