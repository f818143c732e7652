// The connectors that share this AWS account, Region and vCenter: what each side says, joined by the connector's id.
import { type ConnectorMark, listConnectorMarks } from '../aws/connector-marks.ts'
import { ApplianceError, toApplianceError } from '../errors.ts'
import type { SettingsRepository } from '../store/settings.ts'
import { type ListedRegistration, listRegistrations } from '../vsphere/extension-list.ts'
import type { Connections } from './connections.ts'
import { ensureConnector } from './registration.ts'

/** Who opens the page waits for no side that does not answer, milliseconds. */
const patienceMs = 20_000

export interface ListedConnector {
  id: string
  /** It is this appliance's own identity. */
  isThis: boolean
  /** Absent while AWS could not be asked. */
  aws?: { images: number; snapshots: number; newestAt?: string }
  /** Absent if vCenter lists it not, or could not be asked. */
  vcenter?: { version: string; lastSeenAt?: string }
}

/** A side that could not be asked, and why. */
export interface ListProblem {
  side: 'aws' | 'vcenter'
  code: string
  message: string
  hint: string
}

export interface ConnectorListing {
  items: ListedConnector[]
  problems: ListProblem[]
  region?: string
}

/** Lists the connectors. A side that is away is a problem in the answer: what the other says is told all the same. */
export function connectorLister(
  settings: SettingsRepository,
  connections: Connections,
  timeoutMs = patienceMs,
): () => Promise<ConnectorListing> {
  return async () => {
    const { id } = await ensureConnector(settings)
    const region = (await settings.getAws())?.region
    const problems: ListProblem[] = []
    const ask = async <T>(side: ListProblem['side'], work: (signal: AbortSignal) => Promise<T>) => {
      const signal = AbortSignal.timeout(timeoutMs)
      try {
        // Connections open at their own pace: the page need not wait for that either.
        return await Promise.race([work(signal), expiry(signal)])
      } catch (thrown) {
        const { code, message, hint } = signal.aborted ? silent(side, timeoutMs) : toApplianceError(thrown)
        if (code === 'INTERNAL') throw thrown
        problems.push({ side, code, message, hint })
        return undefined
      }
    }
    const [marks, registrations] = await Promise.all([
      ask('aws', async signal => await listConnectorMarks({ clients: await connections.aws(), signal })),
      ask('vcenter', async signal => await listRegistrations(await connections.vcenter(), { signal })),
    ])
    return {
      items: joined(id, marks, registrations),
      problems: problems.sort((a, b) => a.side.localeCompare(b.side)),
      ...(region === undefined ? {} : { region }),
    }
  }
}

function expiry(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
}

function silent(side: ListProblem['side'], timeoutMs: number): ApplianceError {
  const seconds = timeoutMs / 1000
  return side === 'aws'
    ? new ApplianceError('AWS_UNREACHABLE', `AWS did not answer within ${seconds} seconds`, {
        hint: 'Run the checks on the dashboard: they name what does not answer.',
      })
    : new ApplianceError('VCENTER_UNREACHABLE', `vCenter did not answer within ${seconds} seconds`, {
        hint: 'Run the checks on the dashboard: they name what does not answer.',
      })
}

/** This one first, then by id. */
function joined(
  own: string,
  marks: readonly ConnectorMark[] | undefined,
  registrations: readonly ListedRegistration[] | undefined,
): ListedConnector[] {
  const byMark = new Map(marks?.map(mark => [mark.connectorId, mark]))
  const byRegistration = new Map(
    // One whose text was changed by hand cannot be told apart by anything but its key.
    registrations?.map(found => [found.connectorId ?? found.key, found]),
  )
  const others = [...new Set([...byMark.keys(), ...byRegistration.keys()])].filter(id => id !== own).sort()
  return [own, ...others].map(id => {
    const { images = 0, snapshots = 0, newestAt } = byMark.get(id) ?? {}
    const found = byRegistration.get(id)
    return {
      id,
      isThis: id === own,
      ...(marks && { aws: { images, snapshots, ...(newestAt && { newestAt: newestAt.toISOString() }) } }),
      ...(found && {
        vcenter: { version: found.version, ...(found.lastHeartbeatAt && { lastSeenAt: found.lastHeartbeatAt }) },
      }),
    }
  })
}
