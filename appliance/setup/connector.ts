// The connector as administrators look at it: whether it may act, and what they decide when it may not.
import type { Lease } from '../aws/connector-lease.ts'
import type { ReadOnlyReason } from '../domain.ts'
import type { SettingsRepository } from '../store/settings.ts'
import type { ConnectorLease } from './connector-lease.ts'
import { ensureConnector } from './registration.ts'

export type Decision = 'takeOver' | 'newIdentity'

export interface ConnectorView {
  id: string
  /** `unknown` until the lease could be read after a start. */
  state: 'active' | 'readOnly' | 'unknown' | 'unregistered'
  readOnlyReason?: ReadOnlyReason
  lease?: Pick<Lease, 'machineId' | 'epoch' | 'mark' | 'renewedAt'>
  thisMachineId: string
}

/** The verbs on the connector. */
export function connectorService(settings: SettingsRepository, lease: ConnectorLease, thisMachineId: string) {
  async function view(): Promise<ConnectorView> {
    const { standing } = lease
    const { id } = await ensureConnector(settings)
    return {
      id,
      state: standing.state,
      ...(standing.state === 'readOnly' ? { readOnlyReason: standing.reason } : {}),
      ...('lease' in standing ? { lease: shown(standing.lease) } : {}),
      thisMachineId,
    }
  }
  return {
    view,
    async decide(decision: Decision): Promise<ConnectorView> {
      if (decision === 'takeOver') await lease.takeOver()
      else await lease.becomeAnother()
      return await view()
    },
  }
}

function shown({
  machineId,
  epoch,
  mark,
  renewedAt,
}: Lease): Pick<Lease, 'machineId' | 'epoch' | 'mark' | 'renewedAt'> {
  return { machineId, epoch, mark, renewedAt }
}
