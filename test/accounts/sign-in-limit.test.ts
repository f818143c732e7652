// Locks by name and by address.
import t, { type Test } from 'tap'
import { SignInLimit } from '../../appliance/accounts/sign-in-limit.ts'
import { goodPassword, startAccessLab } from './access-lab.ts'

async function start(t: Test) {
  const lab = await startAccessLab()
  t.teardown(() => lab.close())
  const { access, clock } = lab
  await access.accounts.create({ name: 'Anna', role: 'operator', password: goodPassword })
  const limit = () => new SignInLimit({ accounts: lab.store.accounts, nowMs: () => clock.nowMs })
  return { ...lab, limit }
}
let addresses = 0
const address = () => `address-${++addresses}`

t.test('the first mistakes cost nothing, then each costs twice as much, up to a quarter of an hour', async t => {
  const { limit: make, clock } = await start(t)
  for (const name of ['anna', 'nobody']) {
    const limit = make()
    const locks: number[] = []
    for (let failure = 1; failure <= 12; failure++) {
      await limit.failed(name, address())
      const until = await limit.lockedUntil(name)
      locks.push(until === undefined ? 0 : (Date.parse(until) - clock.nowMs) / 1000)
      if (until !== undefined) {
        await t.rejects(limit.check(name.toUpperCase(), address()), { code: 'SIGN_IN_LOCKED', statusCode: 429 })
        clock.nowMs = Date.parse(until)
      }
      await t.resolves(limit.check(name, address()))
    }
    t.strictSame(locks, [0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900], name)
  }
})

t.test('a success forgets, a day forgets, a restart does not', async t => {
  const { limit: make, clock, restart } = await start(t)
  const fail = async (times: number) => {
    for (let time = 0; time < times; time++) await make().failed('anna', address())
  }
  await fail(4)
  await make().succeeded('ANNA')
  await fail(4)
  await t.resolves(make().check('anna', address()))
  await fail(1)
  await restart()
  await t.rejects(make().check('anna', address()), { code: 'SIGN_IN_LOCKED', retryAfterSeconds: 30 })
  clock.add(25 * 3_600_000)
  await fail(4)
  await t.resolves(make().check('anna', address()))
})

t.test('an address that fails with many names has to wait', async t => {
  const { limit: make, clock } = await start(t)
  const limit = make()
  for (let name = 0; name < 20; name++) await limit.failed(`n${name}`, 'here')
  await t.rejects(limit.check('fresh', 'here'), { code: 'SIGN_IN_LOCKED' })
  await t.resolves(limit.check('fresh', 'there'))
  clock.add(30_000)
  await t.resolves(limit.check('fresh', 'here'))
})

t.test('a clock that was put back locks nobody out for long', async t => {
  const { limit: make, clock } = await start(t)
  const limit = make()
  for (let time = 0; time < 12; time++) await limit.failed('anna', address())
  clock.add(-365 * 86_400_000)
  await t.rejects(limit.check('anna', address()), { code: 'SIGN_IN_LOCKED', retryAfterSeconds: 900 })
  await limit.failed('anna', address())
  await t.resolves(limit.check('anna', address()), 'after the next mistake the count begins anew')
})

t.test('a flood of names fills nothing, and lifts no lock of an account', async t => {
  const { limit: make, store } = await start(t)
  const limit = make()
  for (let time = 0; time < 5; time++) await limit.failed('anna', address())
  for (let name = 0; name < 1100; name++) await limit.failed(`stranger ${name}`, address())
  await t.rejects(limit.check('anna', address()), { code: 'SIGN_IN_LOCKED' })
  t.equal(await store.accounts.failures('stranger 1'), undefined)
  t.match(await store.accounts.failures('stranger 1099'), { failures: 1 })
})
