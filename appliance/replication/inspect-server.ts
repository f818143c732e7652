// First of a run: how the server stands in vCenter now, which may differ from the catalog.
import type { Server } from '../domain.ts'
import { retrieveServer } from '../vsphere/inventory.ts'
import type { RunContext } from './context.ts'

/**
 * The server's present state, with its disks written to the journal.
 * @throws {ApplianceError} SERVER_GONE when vCenter no longer has it
 */
export async function inspectServer(context: RunContext, signal: AbortSignal): Promise<Server> {
  const { journal, vcenter, serverMoref } = context
  const server = await retrieveServer(vcenter, serverMoref, { signal })
  await journal.record({
    serverName: server.name,
    disks: server.disks.map(({ key, label, sizeBytes }) => ({
      key,
      label,
      sizeBytes,
      readBytes: 0,
      uploadedBytes: 0,
      objectDeleted: false,
    })),
  })
  return server
}
