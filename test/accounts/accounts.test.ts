// Accounts: signing in with argon2id itself, changing, and the way back.
import t, { type Test } from 'tap'
import { countingHasher, goodPassword, otherPassword, startAccessLab } from './access-lab.ts'

async function start(t: Test) {
  const hasher = countingHasher()
  const lab = await startAccessLab({ hasher })
  t.teardown(() => lab.close())
  const { accounts } = lab.access
  const anna = await accounts.create({ name: 'Anna', role: 'administrator', password: goodPassword })
  return { ...lab, accounts, hasher, anna }
}
let addresses = 0
const address = () => `address-${++addresses}`

t.test('the right password signs in, whatever the case of the name', async t => {
  const { accounts, anna } = await start(t)
  t.strictSame(await accounts.signIn('aNNA', goodPassword, 'here'), anna)
  t.match(await accounts.get(anna.id), { lastSignInAt: '2026-03-01T08:00:00.000Z' })
  for (const [name, password] of [
    ['anna', otherPassword],
    ['anna', ''],
    ['anna ', goodPassword],
    ['', goodPassword],
    ["anna' OR 1=1 --", goodPassword],
  ] as const)
    await t.rejects(accounts.signIn(name, password, address()), { code: 'SIGN_IN_FAILED', statusCode: 401 }, name)
})

t.test('an unknown name costs one hash, as a known one does', async t => {
  const { accounts, hasher } = await start(t)
  const cost = async (name: string) => {
    const before = hasher.asked
    await t.rejects(accounts.signIn(name, otherPassword, address()))
    return hasher.asked - before
  }
  t.equal(await cost('anna'), 1)
  t.equal(await cost('nobody'), 1)
})

t.test('guesses that come all at once get no further than one after the other', async t => {
  const { accounts, hasher } = await start(t)
  const answers = await Promise.allSettled(
    Array.from({ length: 18 }, (_, guess) =>
      accounts.signIn('anna', guess === 17 ? goodPassword : `guess ${guess}`, address()),
    ),
  )
  const codes = answers.map(answer => (answer.status === 'rejected' ? answer.reason.code : 'in'))
  t.equal(codes.filter(code => code === 'SIGN_IN_FAILED').length, 5)
  t.notOk(codes.includes('in'))
  const { asked } = hasher
  await t.rejects(accounts.signIn('anna', goodPassword, address()), { code: 'SIGN_IN_LOCKED' })
  t.equal(hasher.asked, asked, 'who is locked out costs nothing')
})

t.test('guessing the present password in an open session counts as well', async t => {
  const { accounts, anna } = await start(t)
  const guess = { current: otherPassword, next: otherPassword }
  for (let time = 0; time < 5; time++)
    await t.rejects(accounts.changeOwnPassword(anna, guess, address()), { code: 'PASSWORD_WRONG' })
  await t.rejects(accounts.changeOwnPassword(anna, guess, address()), { code: 'SIGN_IN_LOCKED' })
})

t.test('the own password is not changed to itself', async t => {
  const { accounts, anna } = await start(t)
  const same = { current: goodPassword, next: goodPassword }
  await t.rejects(accounts.changeOwnPassword(anna, same, address()), { code: 'PASSWORD_WEAK', message: /present one/ })
  await t.resolves(accounts.changeOwnPassword(anna, { ...same, next: otherPassword }, address()))
})

t.test('whoever asks for something grave proves to be the person of the account', async t => {
  const { accounts, anna } = await start(t)
  await t.resolves(accounts.confirmPassword(anna, goodPassword, address()))
  await t.rejects(accounts.confirmPassword(anna, otherPassword, address()), { code: 'PASSWORD_WRONG' })
  await t.rejects(accounts.confirmPassword({ ...anna, id: 'another' }, goodPassword, address()), {
    code: 'PASSWORD_WRONG',
  })
})

t.test('the way back: a new password lifts the lock and ends the sessions', async t => {
  const { accounts, anna, access } = await start(t)
  const { secret } = await access.sessions.open(anna.id)
  for (let time = 0; time < 5; time++) await t.rejects(accounts.signIn('anna', 'x', address()))
  await t.rejects(accounts.signIn('anna', goodPassword, address()), { code: 'SIGN_IN_LOCKED' })
  await t.rejects(accounts.resetPassword('anna', 'short'), { code: 'PASSWORD_WEAK' })
  await t.rejects(accounts.resetPassword('nobody', otherPassword), { code: 'NOT_FOUND', hint: /Anna/ })
  t.match(await accounts.resetPassword('anna', otherPassword), { id: anna.id })
  t.equal(await access.sessions.find(secret, { used: true }), undefined)
  await t.rejects(accounts.signIn('anna', goodPassword, address()), { code: 'SIGN_IN_FAILED' })
  t.match(await accounts.signIn('anna', otherPassword, address()), { id: anna.id })
})

t.test('with no account there is nothing to reset', async t => {
  const lab = await startAccessLab()
  t.teardown(() => lab.close())
  await t.rejects(lab.access.accounts.resetPassword('x', goodPassword), {
    code: 'NOT_FOUND',
    hint: /set the appliance up/,
  })
})

t.test('the first administrator is the only one who is made that way', async t => {
  const { accounts } = await start(t)
  await t.rejects(accounts.createFirst({ name: 'eve', password: goodPassword }), { code: 'ALREADY_CLAIMED' })
  t.equal((await accounts.list()).length, 1)
})

t.test('a refused change changes nothing at all', async t => {
  const { accounts, anna } = await start(t)
  await t.rejects(accounts.change(anna.id, { role: 'support', password: otherPassword }), {
    code: 'LAST_ADMINISTRATOR',
  })
  await t.rejects(accounts.change(anna.id, { role: 'administrator', password: 'short' }), { code: 'PASSWORD_WEAK' })
  t.match(await accounts.signIn('anna', goodPassword, 'here'), { role: 'administrator' })
})
