// The connector over the API: what it is, and the decision of an administrator.
import t from 'tap'
import type { ConnectorList, ConnectorView } from '../../appliance/api/schemas/connector.ts'
import { ApplianceError } from '../../appliance/errors.ts'
import { memoryApi } from './memory-api.ts'

let view: ConnectorView = { id: 'c-1', state: 'unregistered', thisMachineId: 'machine-2' }
let listed: ConnectorList = { items: [{ id: 'c-1', isThis: true }], problems: [] }
const decisions: string[] = []
const { api, call } = await memoryApi({
  connector: {
    view: async () => view,
    list: async () => listed,
    async decide(decision) {
      if (view.state !== 'readOnly')
        throw new ApplianceError('NOTHING_TO_DECIDE', 'The connector is not read-only', { hint: 'Nothing to do.' })
      decisions.push(decision)
      const { readOnlyReason: _gone, ...rest } = view
      view = { ...rest, state: 'active' }
      return view
    },
  },
})
t.teardown(() => api.close())

t.test('every state of the connector is shown whole', async t => {
  const lease = { machineId: 'machine-1', epoch: 3, mark: 40, renewedAt: '2030-01-01T00:00:00.000Z' }
  const states: ConnectorView[] = [
    { id: 'c-1', state: 'unregistered', thisMachineId: 'machine-2' },
    { id: 'c-1', state: 'active', lease: { ...lease, machineId: 'machine-2' }, thisMachineId: 'machine-2' },
    ...(['cloned', 'restored', 'fenced'] as const).map(readOnlyReason => ({
      ...{ id: 'c-1', state: 'readOnly' as const, readOnlyReason, lease, thisMachineId: 'machine-2' },
    })),
  ]
  for (const each of states) {
    view = each
    t.same((await call('GET', '/api/connector')).body, each)
  }
})

t.test('a decision is one of the two, is taken once, and only when there is one to take', async t => {
  view = { id: 'c-1', state: 'readOnly', readOnlyReason: 'cloned', thisMachineId: 'machine-2' }
  for (const body of [{}, { decision: 'delete' }, { decision: 'takeOver', force: true }, { decision: ['takeOver'] }])
    t.match(await call('POST', '/api/connector/decision', body), { status: 400, body: { code: 'INVALID_REQUEST' } })
  t.same(decisions, [])
  t.match(await call('POST', '/api/connector/decision', { decision: 'takeOver' }), {
    status: 200,
    body: { state: 'active' },
  })
  t.match(await call('POST', '/api/connector/decision', { decision: 'newIdentity' }), {
    status: 409,
    body: { code: 'NOTHING_TO_DECIDE' },
  })
  t.same(decisions, ['takeOver'])
})

t.test('the connectors beside it are listed, with what could not be asked', async t => {
  const lists: ConnectorList[] = [
    listed,
    {
      items: [
        { id: 'c-1', isThis: true, aws: { images: 0, snapshots: 0 } },
        {
          id: 'c-2',
          isThis: false,
          aws: { images: 3, snapshots: 5, newestAt: '2030-01-01T00:00:00.000Z' },
          vcenter: { version: '0.1.0', lastSeenAt: '2030-01-01T00:00:00.000Z' },
        },
      ],
      problems: [{ side: 'vcenter', code: 'VCENTER_UNREACHABLE', message: 'm', hint: 'h' }],
      region: 'eu-central-1',
    },
  ]
  for (const each of lists) {
    listed = each
    t.same(await call('GET', '/api/connectors'), { status: 200, body: each })
  }
})
