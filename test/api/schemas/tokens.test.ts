// API tokens on the wire.
import t from 'tap'
import Value from 'typebox/value'
import { TokenBody, TokenMade, TokenView } from '../../../appliance/api/schemas/tokens.ts'

t.test('a token is made with a name that can be printed, and said to read only or not', async t => {
  for (const name of ['ci', 'Nachtläufer 7', 'x'.repeat(128)])
    t.ok(Value.Check(TokenBody, { name, readOnly: true }), name)
  for (const body of [
    { name: 'ci' },
    { readOnly: true },
    { name: '', readOnly: true },
    { name: 'a\nb', readOnly: true },
  ])
    t.notOk(Value.Check(TokenBody, body), JSON.stringify(body))
  t.notOk(Value.Check(TokenBody, { name: 'ci', readOnly: true, role: 'administrator' }))
  t.notOk(Value.Check(TokenBody, { name: 'x'.repeat(129), readOnly: true }))
})

t.test('only the answer to its making has the token itself', async t => {
  const view = { id: 't', name: 'ci', readOnly: true, createdAt: '2026-03-01T00:00:00.000Z' }
  t.ok(Value.Check(TokenView, view))
  t.ok(Value.Check(TokenView, { ...view, account: { id: 'a', name: 'anna', role: 'operator' } }))
  t.notOk(Value.Check(TokenView, { ...view, token: 'hoist_x' }))
  t.ok(Value.Check(TokenMade, { ...view, token: 'hoist_x' }))
  t.notOk(Value.Check(TokenMade, view))
})
