// The connector's schemas: every reason of the domain can be shown.
import t from 'tap'
import Value from 'typebox/value'
import { ConnectorDecision, ConnectorView } from '../../../appliance/api/schemas/connector.ts'
import type { ReadOnlyReason } from '../../../appliance/domain.ts'

const reasons: Record<ReadOnlyReason, true> = { cloned: true, restored: true, leaseGone: true, fenced: true }

t.test('a connector says why it is read-only, in one of the words of the domain', async t => {
  const view = { id: 'c', state: 'readOnly', thisMachineId: 'm' }
  for (const readOnlyReason of Object.keys(reasons)) t.ok(Value.Check(ConnectorView, { ...view, readOnlyReason }))
  t.notOk(Value.Check(ConnectorView, { ...view, readOnlyReason: 'tired' }))
  t.notOk(Value.Check(ConnectorView, { ...view, lease: { machineId: 'm' } }), 'half a lease')
})

t.test('a decision is to take over, or to be another', async t => {
  for (const decision of ['takeOver', 'newIdentity']) t.ok(Value.Check(ConnectorDecision, { decision }))
  t.notOk(Value.Check(ConnectorDecision, { decision: 'wait' }))
})
