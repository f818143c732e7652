// First of a run: how the server stands in vCenter now, which may differ from the catalog.
import type { Server } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { retrieveBootDiskKey, retrieveServer, retrieveServerId } from '../vsphere/inventory.ts'
import { assertReplicable } from './admission.ts'
import type { RunContext } from './context.ts'
import { isPast } from './states.ts'

/**
 * The server's present state, found replicable, with its disks written to the journal, the one that boots first. A run that
 * goes on keeps the server that it began with: its snapshot froze that.
 * @throws {ApplianceError} SERVER_GONE when vCenter or the catalog no longer has it, SERVER_REFUSED
 */
export async function inspectServer(context: RunContext, signal: AbortSignal): Promise<Server> {
  const { journal, vcenter, serverMoref } = context
  signal.throwIfAborted()
  const begun = journal.run.server
  if (begun && journal.run.steps.length > 0) {
    const moref = serverMoref ?? begun.moref
    if (!isPast(journal.run.state, 'uploading')) await assertSameServer(moref, context, signal)
    return { ...begun, moref }
  }
  if (serverMoref === undefined) {
    throw new ApplianceError('SERVER_GONE', `The catalog has no server ${journal.run.serverName} any more`, {
      hint: 'It left vCenter, or was registered anew: import the catalog again.',
    })
  }
  const server = await retrieveServer(await vcenter(), serverMoref, { signal })
  if (server.id !== journal.run.serverId) throw anotherServer(serverMoref, journal.run.serverName)
  await assertReplicable(server, context)
  const bootKey = await retrieveBootDiskKey(await vcenter(), serverMoref, { signal })
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

async function assertSameServer(moref: string, { journal, vcenter }: RunContext, signal: AbortSignal): Promise<void> {
  const { serverId, serverName } = journal.run
  if ((await retrieveServerId(await vcenter(), moref, { signal })) !== serverId) throw anotherServer(moref, serverName)
}

/** A rebuilt vCenter gives its references anew: what the catalog knows a server by may name another one by now. */
function anotherServer(moref: string, serverName: string): ApplianceError {
  return new ApplianceError('SERVER_GONE', `${moref} in vCenter is no longer ${serverName}, but another server`, {
    hint: 'vCenter was restored or set up anew: import the catalog again.',
  })
}
