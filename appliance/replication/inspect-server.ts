// First of a run: how the server stands in vCenter now, which may differ from the catalog.
import type { Server } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { retrieveBootDiskKey, retrieveServer } from '../vsphere/inventory.ts'
import { assertReplicable } from './admission.ts'
import type { RunContext } from './context.ts'

/**
 * The server's present state, found replicable, with its disks written to the journal, the one that boots first. A run that
 * goes on keeps the server that it began with: its snapshot froze that.
 * @throws {ApplianceError} SERVER_GONE when vCenter or the catalog no longer has it, SERVER_REFUSED
 */
export async function inspectServer(context: RunContext, signal: AbortSignal): Promise<Server> {
  const { journal, vcenter, serverMoref } = context
  signal.throwIfAborted()
  const begun = journal.run.server
  if (begun && journal.run.steps.length > 0) return { ...begun, moref: serverMoref ?? begun.moref }
  if (serverMoref === undefined) {
    throw new ApplianceError('SERVER_GONE', `The catalog has no server ${journal.run.serverName} any more`, {
      hint: 'It left vCenter, or was registered anew: import the catalog again.',
    })
  }
  const server = await retrieveServer(vcenter, serverMoref, { signal })
  await assertReplicable(server, context)
  const bootKey = await retrieveBootDiskKey(vcenter, serverMoref, { signal })
  const bootFirst = server.disks.toSorted((a, b) => Number(b.key === bootKey) - Number(a.key === bootKey))
  await journal.record({
    serverName: server.name,
    server,
    disks: bootFirst.map(({ key, label, sizeBytes }) => ({
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
