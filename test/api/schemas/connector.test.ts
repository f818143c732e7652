// The connector's schemas: every reason of the domain can be shown.
import t from 'tap'
import Value from 'typebox/value'
import { ConnectorDecision, ConnectorList, ConnectorView } from '../../../appliance/api/schemas/connector.ts'
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

t.test('a listed connector may be known by either side, or by none; a problem names its side', async t => {
  const problem = { side: 'aws', code: 'AWS_UNREACHABLE', message: 'm', hint: 'h' }
  t.ok(Value.Check(ConnectorList, { items: [{ id: 'c', isThis: true }], problems: [problem] }))
  t.notOk(Value.Check(ConnectorList, { items: [{ id: 'c', isThis: true, aws: {} }], problems: [] }))
  t.notOk(Value.Check(ConnectorList, { items: [], problems: [{ ...problem, side: 'ssh' }] }))
})
