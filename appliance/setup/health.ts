// Health: store, vCenter and AWS, each tried.
import { identify } from '../aws/credentials.ts'
import { ApplianceError, type ErrorCode, toApplianceError } from '../errors.ts'
import type { Store } from '../store/store.ts'
import type { Connections } from './connections.ts'
import { proveVcenter } from './connections.ts'

export interface HealthCheck {
  name: string
  ok: boolean
  code?: string
  hint?: string
}

/** Looks at everything that a run needs. */
export function healthService(store: Store, connections: Connections) {
  return {
    async ready(): Promise<boolean> {
      return (await tryCheck('store', () => store.settings.getConnector())).ok
    },

    async check(signal: AbortSignal): Promise<{ ok: boolean; checks: HealthCheck[] }> {
      const checks = await Promise.all([
        tryCheck('store', () => store.settings.getConnector()),
        tryCheck('vcenter', () => inTime(() => checkVcenter(connections, signal), 'VCENTER_UNREACHABLE', signal)),
        tryCheck('aws', () =>
          inTime(async () => identify(await connections.aws(), { signal }), 'AWS_UNREACHABLE', signal),
        ),
      ])
      return { ok: checks.every(check => check.ok), checks }
    },
  }
}

async function checkVcenter(connections: Connections, signal: AbortSignal): Promise<void> {
  const { missingPrivileges: missing } = await proveVcenter(await connections.vcenter(), { signal })
  if (missing.length === 0) return
  throw new ApplianceError('VCENTER_PERMISSION_MISSING', `The vCenter account lacks ${missing.join(', ')}`, {
    hint: `Give its role ${missing.join(', ')} at the root of the inventory, with propagation.`,
  })
}

/** The work itself may go on: connections are shared, and whoever else waits for one may have more patience. */
async function inTime<T>(work: () => Promise<T>, code: ErrorCode, signal: AbortSignal): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const giveUp = () =>
    reject(new ApplianceError(code, 'No answer in time', { hint: 'Check the network between it and the appliance.' }))
  if (signal.aborted) giveUp()
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    return await Promise.race([late, work()])
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}

async function tryCheck(name: string, attempt: () => Promise<unknown>): Promise<HealthCheck> {
  try {
    await attempt()
    return { name, ok: true }
  } catch (thrown) {
    const { code, hint } = toApplianceError(thrown)
    return { name, ok: false, code, hint }
  }
}
