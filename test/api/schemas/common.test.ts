// What all schemas share.
import t from 'tap'
import Value from 'typebox/value'
import { ErrorBody, Finding, Id } from '../../../appliance/api/schemas/common.ts'

t.test('an id is letters, digits, hyphens and underscores', async t => {
  for (const id of ['a', '5032f5c8-9d4a_1']) t.ok(Value.Check(Id, id))
  for (const id of ['', 'a/b', 'ä', 'x'.repeat(129), '__proto__/']) t.notOk(Value.Check(Id, id), id)
})

t.test('errors and findings say what, and what to do', async t => {
  t.ok(Value.Check(ErrorBody, { code: 'C', message: 'm', hint: 'h' }))
  t.notOk(Value.Check(ErrorBody, { code: 'C', message: 'm' }))
  t.ok(Value.Check(Finding, { severity: 'warning', code: 'C', message: 'm', hint: 'h', diskKey: 2000 }))
  t.notOk(Value.Check(Finding, { severity: 'fatal', code: 'C', message: 'm', hint: 'h' }))
})
