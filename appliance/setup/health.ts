// Health: store, vCenter and AWS, each tried.
import { identify } from '../aws/credentials.ts'
import { toApplianceError } from '../errors.ts'
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
        tryCheck('vcenter', async () => proveVcenter(await connections.vcenter())),
        tryCheck('aws', async () => identify(await connections.aws(), { signal })),
      ])
      return { ok: checks.every(check => check.ok), checks }
    },
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
