// The connector's registration in vCenter: an extension, so that admins see who reads their servers.

import { isFault } from './faults.ts'
import type { ReadOptions } from './properties.ts'
import type { VcenterSession } from './session.ts'
import type { VimFields } from './vim.ts'
import { child, textAt, type XmlElement } from './xml.ts'

export const extensionKey = 'com.hoist.connector'

export interface Registration {
  connectorId: string
  /** The appliance's own version. */
  version: string
  /** The appliance's address for admins, `https://host:port`; absent while it has none. */
  url?: string
}

/** What stands in vCenter. `connectorId` is absent if the text of the registration was changed by hand. */
export interface FoundRegistration {
  connectorId?: string
  version: string
  lastHeartbeatAt: string
}

/** Registers the connector, or brings its registration up to date. */
export async function registerExtension(
  session: VcenterSession,
  registration: Registration,
  options: ReadOptions = {},
): Promise<void> {
  const registered = await findExtension(session, options)
  const method = registered ? 'UpdateExtension' : 'RegisterExtension'
  const extension = toExtension(registration)
  await session.call(method, { _this: session.content.extensionManager, extension }, options)
}

/** The registration; absent if there is none. */
export async function findExtension(
  session: VcenterSession,
  options: ReadOptions = {},
): Promise<FoundRegistration | undefined> {
  const answer = await session.call('FindExtension', { _this: session.content.extensionManager, extensionKey }, options)
  const found = child(answer, 'returnval')
  return found && toRegistration(found)
}

/** What an `Extension` of ours says. */
export function toRegistration(extension: XmlElement): FoundRegistration {
  const connectorId = /Connector (\S+)$/.exec(textAt(extension, 'description', 'summary') ?? '')?.[1]
  return {
    version: textAt(extension, 'version') ?? '',
    lastHeartbeatAt: textAt(extension, 'lastHeartbeatTime') ?? '',
    ...(connectorId === undefined ? {} : { connectorId }),
  }
}

/** Takes the registration away; none is fine. */
export async function unregisterExtension(session: VcenterSession, options: ReadOptions = {}): Promise<void> {
  try {
    await session.call('UnregisterExtension', { _this: session.content.extensionManager, extensionKey }, options)
  } catch (error) {
    if (!isFault(error, 'NotFound')) throw error
  }
}

/** Fields in the order of the schema type `Extension`. */
function toExtension({ connectorId, version, url }: Registration): VimFields {
  const label = 'Hoist'
  // The id stands in the text, the one field of an extension that every client shows and nothing interprets.
  const summary = `Replicates servers to AWS. Connector ${connectorId}`
  return {
    description: { label, summary },
    key: extensionKey,
    company: 'Hoist',
    type: 'com.hoist',
    version,
    server:
      url === undefined
        ? undefined
        : { url, description: { label, summary }, company: 'Hoist', type: 'HTTPS', adminEmail: '' },
    lastHeartbeatTime: new Date(),
    shownInSolutionManager: true,
  }
}
