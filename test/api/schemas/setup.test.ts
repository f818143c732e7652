// The setup on the wire.
import t from 'tap'
import Value from 'typebox/value'
import { setupSteps } from '../../../appliance/accounts/setup-progress.ts'
import {
  AdministratorBody,
  SetupCodeBody,
  SetupStepBody,
  SetupStepId,
  SetupView,
} from '../../../appliance/api/schemas/setup.ts'

t.test('steps are those of the wizard', async t => {
  for (const id of setupSteps) t.ok(Value.Check(SetupStepId, id), id)
  t.notOk(Value.Check(SetupStepId, 'review'))
  t.equal(SetupStepId.anyOf.length, setupSteps.length)
})

t.test('a view has every step with its state', async t => {
  const view = { steps: setupSteps.map(id => ({ id, state: 'done', at: '2026-03-01T00:00:00.000Z' })), complete: true }
  t.ok(Value.Check(SetupView, view))
  t.notOk(Value.Check(SetupView, { ...view, steps: [{ id: 'aws', state: 'pending' }] }))
})

t.test('code, administrator and step take what they need and no more', async t => {
  t.ok(Value.Check(SetupCodeBody, { code: 'BCDF BCDF BCDF BCDF' }))
  for (const body of [{}, { code: '' }, { code: 'x'.repeat(65) }, { code: 1 }, { code: 'x', name: 'y' }])
    t.notOk(Value.Check(SetupCodeBody, body))
  t.ok(Value.Check(AdministratorBody, { name: 'anna', password: 'x' }))
  t.notOk(Value.Check(AdministratorBody, { name: 'anna', password: 'x', role: 'administrator' }))
  t.ok(Value.Check(SetupStepBody, { done: false }))
  for (const body of [{}, { done: 'true' }, { done: true, at: 'x' }]) t.notOk(Value.Check(SetupStepBody, body))
})
