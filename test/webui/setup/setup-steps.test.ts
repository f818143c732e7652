import t from 'tap'
import type { SetupView } from '../../../webui/contract.ts'
import { firstOpen, isDone, isStep, stepAfter, stepBefore, stepOrder } from '../../../webui/setup/setup-steps.ts'

const setup = (...done: string[]): SetupView => ({
  complete: false,
  steps: stepOrder.map(id => ({ id, state: done.includes(id) ? ('done' as const) : ('notStarted' as const) })),
})

t.test('the setup goes on at the first step that is not done', async t => {
  t.equal(firstOpen(setup()), 'licence')
  t.equal(firstOpen(setup('licence', 'password', 'uploads')), 'network')
  t.equal(firstOpen(setup(...stepOrder)), 'register')
})

t.test('steps have an order', async t => {
  t.equal(stepAfter('aws'), 'vcenter')
  t.equal(stepAfter('register'), undefined)
  t.equal(stepBefore('licence'), undefined)
  t.ok(isStep('checks'))
  t.notOk(isStep('else') || isStep(null))
  t.ok(isDone(setup('aws'), 'aws'))
  t.notOk(isDone(undefined, 'aws'))
})
