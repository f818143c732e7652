import t from 'tap'
import Value from 'typebox/value'
import { ConsoleReport, ConsoleView, consoleActs } from '../../../appliance/api/schemas/console.ts'

t.test('every act of the console may be reported, asked, done or failed with a code, and no other', async t => {
  for (const act of consoleActs)
    for (const outcome of ['asked', 'done', 'failed']) t.ok(Value.Check(ConsoleReport, { act, outcome }), act)
  t.ok(
    Value.Check(ConsoleReport, { act: 'time', outcome: 'failed', error: 'MACHINE_FAILED', values: { servers: 'ntp' } }),
  )
  for (const wrong of [
    { act: 'shell', outcome: 'done' },
    { act: 'time', outcome: 'maybe' },
    { act: 'time', outcome: 'failed', error: 'no code' },
    { act: 'time', outcome: 'done', values: { servers: 'x'.repeat(501) } },
    { act: 'time', outcome: 'done', more: 1 },
  ])
    t.notOk(Value.Check(ConsoleReport, wrong), JSON.stringify(wrong))
})

t.test('the view needs no code: there is none once claimed, or when it was given at the deployment', async t => {
  t.ok(Value.Check(ConsoleView, { version: '1.0.0', claimed: true, problems: [] }))
  t.notOk(Value.Check(ConsoleView, { version: '1.0.0', problems: [] }))
})
