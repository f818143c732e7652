// API tokens in the database.
import t from 'tap'
import { anna, bert, openAccess } from './access-rows.ts'

const ci = { id: 't-1', name: 'ci', readOnly: true, createdAt: '2026-03-01T00:00:00.000Z' }

t.test('a token comes back by id and by hash, with its maker as he is now', async t => {
  const { tokens, accounts } = openAccess(t)
  await accounts.create(anna, 'h')
  await accounts.create(bert, 'h')
  const expected = { ...ci, account: { id: 'b-1', name: 'bert', role: 'operator' } }
  t.strictSame(await tokens.create(ci, 'hash-1', 'b-1'), expected)
  const local = { ...ci, id: 't-2', readOnly: false, createdAt: '2026-03-02T00:00:00.000Z' }
  t.strictSame(await tokens.create(local, 'hash-2', undefined), local)
  t.strictSame(await tokens.byHash('hash-1'), expected)
  t.strictSame(await tokens.get('t-1'), expected)
  t.equal(await tokens.byHash('t-1'), undefined)
  t.equal(await tokens.get('hash-1'), undefined)
  t.strictSame(await tokens.list(), [expected, local])
  t.strictSame(await tokens.list('b-1'), [expected])
  await accounts.update('b-1', { role: 'support' })
  t.match(await tokens.get('t-1'), { account: { role: 'support' } })
  await tokens.touch('t-1', new Date('2026-03-04T00:00:00Z'))
  t.match(await tokens.get('t-1'), { lastUsedAt: '2026-03-04T00:00:00.000Z' })
  await accounts.delete('b-1')
  t.strictSame(await tokens.list(), [local])
})

t.test('what is revoked is gone', async t => {
  const { tokens } = openAccess(t)
  await tokens.create(ci, 'h', undefined)
  await tokens.delete('t-1')
  t.equal(await tokens.byHash('h'), undefined)
  await t.rejects(tokens.delete('t-1'), { code: 'NOT_FOUND', message: /t-1/ })
})
