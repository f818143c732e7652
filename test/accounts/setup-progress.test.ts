// The wizard's steps, in their order.
import t from 'tap'
import { setupSteps } from '../../appliance/accounts/setup-progress.ts'
import { goodPassword, startAccessLab } from './access-lab.ts'

t.test('steps are done one by one, the password by making the administrator', async t => {
  const lab = await startAccessLab()
  t.teardown(() => lab.close())
  const { setup } = lab.access
  t.strictSame(await setup.view(), { steps: setupSteps.map(id => ({ id, state: 'notStarted' })), complete: false })
  await t.rejects(setup.set('password', true), { code: 'INVALID_REQUEST' })
  const view = await setup.set('licence', true)
  t.match(view.steps[0], { id: 'licence', state: 'done', at: '2026-03-01T08:00:00.000Z' })
  lab.clock.add(1000)
  t.match((await setup.set('licence', true)).steps[0], { at: '2026-03-01T08:00:00.000Z' }, 'again changes nothing')
  t.match((await setup.set('licence', false)).steps[0], { state: 'notStarted' })
  await lab.access.claim({ name: 'anna', password: goodPassword })
  t.match((await setup.view()).steps[1], { id: 'password', state: 'done', at: '2026-03-01T08:00:01.000Z' })
  for (const id of setupSteps) if (id !== 'password') await setup.set(id, true)
  t.equal((await setup.view()).complete, true)
})
