import t from 'tap'
import { ApplianceError } from '../../appliance/errors.ts'
import { consoleLab } from './console-lab.ts'

t.test('what was done, and what failed, is told to the service and the journal', async t => {
  const { acts, asked, said } = await consoleLab(t.testdir())
  t.equal(await acts.told('time', { servers: 'ntp' }, async () => 7), 7)
  const failure = new ApplianceError('MACHINE_FAILED', 'no', { hint: '' })
  await t.rejects(
    acts.told('ssh', {}, async () => {
      throw failure
    }),
    failure,
  )
  t.match(asked, [
    { path: '/api/local/console', body: { act: 'time', outcome: 'done', values: { servers: 'ntp' } } },
    { path: '/api/local/console', body: { act: 'ssh', outcome: 'failed', error: 'MACHINE_FAILED' } },
  ])
  t.strictSame(said, ['console: time done', 'console: ssh failed MACHINE_FAILED'])
})

t.test('while the service is silent they wait, in order, and are told once it answers', async t => {
  const { acts, asked, answers } = await consoleLab(t.testdir())
  answers.delete('POST /api/local/console')
  await acts.tell({ act: 'restart-service', outcome: 'asked' })
  answers.set('POST /api/local/console', { status: 503 })
  await acts.tell({ act: 'time', outcome: 'done' })
  answers.set('POST /api/local/console', { status: 204 })
  asked.length = 0
  await acts.deliver()
  await acts.deliver()
  t.match(
    asked.map(({ body }) => Object(body).act),
    ['restart-service', 'time'],
  )
})
