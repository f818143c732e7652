// Sessions in the database.
import t from 'tap'
import { anna, bert, openAccess } from './access-rows.ts'

t.test('a session comes back with its account as it is now', async t => {
  const { sessions, accounts } = openAccess(t)
  await accounts.create(anna, 'h')
  await accounts.create(bert, 'h')
  await sessions.create({ hash: 's', accountId: 'b-1', atMs: 5 })
  await sessions.create({ hash: 'setup', atMs: 6 })
  t.strictSame(await sessions.get('s'), {
    hash: 's',
    account: { id: 'b-1', name: 'bert', role: 'operator' },
    createdAtMs: 5,
    usedAtMs: 5,
  })
  t.strictSame(await sessions.get('setup'), { hash: 'setup', createdAtMs: 6, usedAtMs: 6 })
  t.equal(await sessions.get('none'), undefined)
  await sessions.touch('s', 9)
  t.match(await sessions.get('s'), { createdAtMs: 5, usedAtMs: 9 })
  await accounts.delete('b-1')
  t.equal(await sessions.get('s'), undefined)
  t.ok(await sessions.get('setup'))
})

t.test('what is deleted is gone, and to delete it again is no error', async t => {
  const { sessions } = openAccess(t)
  await sessions.create({ hash: 's', atMs: 0 })
  await sessions.delete('s')
  await sessions.delete('s')
  t.equal(await sessions.get('s'), undefined)
})

t.test('those of the setup go together', async t => {
  const { sessions, accounts } = openAccess(t)
  await accounts.create(anna, 'h')
  await sessions.create({ hash: 'own', accountId: 'a-1', atMs: 0 })
  await sessions.create({ hash: 'x', atMs: 0 })
  await sessions.create({ hash: 'y', atMs: 0 })
  await sessions.deleteSetup()
  t.equal(await sessions.get('x'), undefined)
  t.ok(await sessions.get('own'))
})

t.test('old ones are forgotten, by last use and by age', async t => {
  const { sessions } = openAccess(t)
  for (const [hash, atMs, usedMs] of [
    ['idle', 50, 50],
    ['old', 10, 90],
    ['fresh', 50, 90],
  ] as const) {
    await sessions.create({ hash, atMs })
    await sessions.touch(hash, usedMs)
  }
  t.equal(await sessions.prune(60, 20), 2)
  t.ok(await sessions.get('fresh'))
})
