// The connector as administrators look at it.
import t, { type Test } from 'tap'
import { connectorService } from '../../appliance/setup/connector.ts'
import type { ConnectorLease, Standing } from '../../appliance/setup/connector-lease.ts'
import { applianceParts } from './appliance-parts.ts'

const written = {
  ...{ version: 1 as const, connectorId: 'c', machineId: 'm', epoch: 3, mark: 7, nonce: 'n' },
  renewedAt: '2026-03-01T00:00:00Z',
  host: 'appliance',
}
const shown = { machineId: 'm', epoch: 3, mark: 7, renewedAt: '2026-03-01T00:00:00Z' }

async function service(t: Test, standing: Standing) {
  const { store } = await applianceParts(t)
  await store.settings.setConnector({ id: 'c', mark: 7, generation: 'g' })
  const decided: string[] = []
  const lease = {
    standing,
    takeOver: async () => void decided.push('takeOver'),
    becomeAnother: async () => void decided.push('becomeAnother'),
  } as unknown as ConnectorLease
  return { decided, connector: connectorService(store.settings, lease, 'this machine') }
}

t.test('what stands is shown, with the lease where there is one and the reason where nothing may be done', async t => {
  const failure = new Error('away') as never
  const table: [Standing, object][] = [
    [{ state: 'unregistered' }, { state: 'unregistered' }],
    [{ state: 'unknown', failure }, { state: 'unknown' }],
    [
      { state: 'active', lease: written },
      { state: 'active', lease: shown },
    ],
    [
      { state: 'readOnly', reason: 'cloned', lease: written },
      { state: 'readOnly', readOnlyReason: 'cloned', lease: shown },
    ],
    [
      { state: 'readOnly', reason: 'leaseGone' },
      { state: 'readOnly', readOnlyReason: 'leaseGone' },
    ],
  ]
  for (const [standing, expected] of table) {
    const { connector } = await service(t, standing)
    t.same(await connector.view(), { id: 'c', thisMachineId: 'this machine', ...expected })
  }
})

t.test('each decision is the verb of its name', async t => {
  const { connector, decided } = await service(t, { state: 'active', lease: written })
  t.match(await connector.decide('takeOver'), { state: 'active' })
  await connector.decide('newIdentity')
  t.same(decided, ['takeOver', 'becomeAnother'])
})
