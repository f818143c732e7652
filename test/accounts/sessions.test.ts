// Sessions: found by their secret only, and ended by time.
import t, { type Test } from 'tap'
import { absoluteMs, idleMs, isCsrf } from '../../appliance/accounts/sessions.ts'
import { goodPassword, startAccessLab } from './access-lab.ts'

async function start(t: Test) {
  const lab = await startAccessLab()
  t.teardown(() => lab.close())
  const { id } = await lab.access.accounts.create({ name: 'anna', role: 'operator', password: goodPassword })
  return { ...lab, sessions: lab.access.sessions, id }
}
const used = { used: true }

t.test('a session is found by its secret, with its account as it is now', async t => {
  const { sessions, id, access } = await start(t)
  const open = await sessions.open(id)
  const found = await sessions.find(open.secret, used)
  t.match(found, {
    account: { id, name: 'anna', role: 'operator' },
    csrf: open.csrf,
    expiresAt: '2026-03-01T08:30:00.000Z',
  })
  t.not(found?.hash, open.secret)
  t.equal(await sessions.find(found?.hash ?? '', used), undefined, 'what is stored opens nothing')
  for (const secret of ['', 'x', open.csrf]) t.equal(await sessions.find(secret, used), undefined)
  await access.accounts.remove(id)
  t.equal(await sessions.find(open.secret, used), undefined)
})

t.test('use keeps it alive, a look does not', async t => {
  const { sessions, id, clock } = await start(t)
  const { secret } = await sessions.open(id)
  clock.add(idleMs - 1)
  const { hash = '' } = (await sessions.find(secret, { used: false })) ?? {}
  t.ok(await sessions.isLive(hash))
  t.ok(await sessions.find(secret, used))
  clock.add(idleMs - 1)
  t.ok(await sessions.find(secret, { used: false }))
  clock.add(1)
  t.equal(await sessions.isLive(hash), false)
  t.equal(await sessions.find(secret, used), undefined)
  clock.add(-idleMs / 2)
  t.equal(await sessions.find(secret, used), undefined, 'one that has ended stays so')
})

t.test('it ends for good, and says when', async t => {
  const { sessions, id, clock } = await start(t)
  const { secret } = await sessions.open(id)
  const end = clock.nowMs + absoluteMs
  let expiresAt = ''
  while (clock.nowMs < end) {
    const found = await sessions.find(secret, used)
    if (!found) t.fail('too early')
    expiresAt = found?.expiresAt ?? ''
    clock.add(10 * 60_000)
  }
  t.equal(expiresAt, new Date(end).toISOString())
  t.equal(await sessions.find(secret, used), undefined)
})

t.test('a clock that is put back a little ends nothing, and put back far ends all', async t => {
  const { sessions, id, clock } = await start(t)
  const { secret } = await sessions.open(id)
  clock.add(-60_000)
  t.ok(await sessions.find(secret, used))
  clock.add(-3_600_000)
  t.equal(await sessions.find(secret, used), undefined)
})

t.test('a restart ends none, and use is written down once a minute', async t => {
  const { sessions, id, clock, restart, store } = await start(t)
  const { secret } = await sessions.open(id)
  let touched = 0
  const { touch } = store.sessions
  store.sessions.touch = async (hash, atMs) => {
    touched += 1
    await touch(hash, atMs)
  }
  for (let second = 0; second < 180; second++) {
    await sessions.find(secret, used)
    clock.add(1000)
  }
  t.equal(touched, 2)
  t.ok(await (await restart()).sessions.find(secret, used))
})

t.test('sessions of the setup end together, others stay', async t => {
  const { sessions, id } = await start(t)
  const setup = await sessions.open(undefined)
  const own = await sessions.open(id)
  t.match(await sessions.find(setup.secret, used), { account: undefined })
  await sessions.endSetup()
  t.equal(await sessions.find(setup.secret, used), undefined)
  t.ok(await sessions.find(own.secret, used))
})

t.test('the CSRF value is one of the session', async t => {
  const { sessions, id } = await start(t)
  const [a, b] = [await sessions.open(id), await sessions.open(id)]
  t.equal(isCsrf(a, a.csrf), true)
  for (const wrong of ['', b.csrf, a.secret, `${a.csrf} `]) t.equal(isCsrf(a, wrong), false)
})
