// Accounts on the wire.
import t from 'tap'
import Value from 'typebox/value'
import { AccountBody, AccountPatch, AccountView } from '../../../appliance/api/schemas/accounts.ts'

const body = { name: 'anna', role: 'operator', password: 'x' }

t.test('an account is made with name, role and password', async t => {
  t.ok(Value.Check(AccountBody, body))
  for (const changes of [{ name: 'a b' }, { role: 'root' }, { password: '' }, { id: 'x' }, { passwordHash: 'x' }])
    t.notOk(Value.Check(AccountBody, { ...body, ...changes }), String(Object.keys(changes)))
})

t.test('a change changes something, and never the name', async t => {
  for (const patch of [{ role: 'support' }, { password: 'x' }, { unlock: true }, { role: 'support', unlock: true }])
    t.ok(Value.Check(AccountPatch, patch))
  for (const patch of [{}, { name: 'x' }, { unlock: false }, { lockedUntil: null }])
    t.notOk(Value.Check(AccountPatch, patch))
})

t.test('a view has no room for a hash', async t => {
  const view = { id: 'a', name: 'anna', role: 'operator', createdAt: '2026-03-01T00:00:00.000Z' }
  t.ok(Value.Check(AccountView, view))
  t.notOk(Value.Check(AccountView, { ...view, passwordHash: 'x' }))
})
