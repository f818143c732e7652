// The schema of checks: the states that there are.
import t from 'tap'
import Value from 'typebox/value'
import { HealthCheckView, HealthRun, HealthView } from '../../../appliance/api/schemas/health.ts'
import type { CheckGroup, CheckState } from '../../../appliance/health/check.ts'

const states: Record<CheckState, true> = {
  notStarted: true,
  inProgress: true,
  success: true,
  warning: true,
  error: true,
}
const groups: Record<CheckGroup, true> = { network: true, vcenter: true, aws: true, appliance: true }

t.test('every state and group of a check is one of the schema, and no other', async t => {
  for (const state of Object.keys(states))
    for (const group of Object.keys(groups)) t.ok(Value.Check(HealthCheckView, { id: 'a.b', group, title: 'A', state }))
  t.notOk(Value.Check(HealthCheckView, { id: 'a.b', group: 'aws', title: 'A', state: 'fine' }))
  t.notOk(Value.Check(HealthView, { checks: [], running: true, more: 1 }))
  t.ok(Value.Check(HealthRun, { started: true }))
})
