// Creating the image: registered on the replica's snapshots as they are, or converted by VM Import from copies of them.
import { imageName, registerImage } from '../aws/image.ts'
import { awaitImageImport, convertImage } from '../aws/image-import.ts'
import { ownershipTags } from '../aws/tags.ts'
import type { Server } from '../domain.ts'
import type { RunContext } from './context.ts'

export interface CreatedImage {
  imageId: string
  /** What the image stands on: the replica's snapshots when registered, copies when converted. */
  snapshotIds: string[]
}

/** Makes the run's AMI by the job's image method. */
export function createImage(server: Server, context: RunContext, signal: AbortSignal): Promise<CreatedImage> {
  return context.job.settings.imageMethod === 'converted'
    ? convert(server, context, signal)
    : register(server, context, signal)
}

async function register(server: Server, context: RunContext, signal: AbortSignal): Promise<CreatedImage> {
  const { aws: clients, journal, ownership, job, pollMs } = context
  const snapshots = replicaOf(context)
  const { imageId } = await registerImage({
    clients,
    name: imageName(server.name, ownership.runId, new Date(journal.run.createdAt)),
    description: descriptionOf(server, context),
    firmware: server.firmware,
    vTpm: server.vTpm,
    snapshots,
    tags: ownershipTags(ownership, job.settings.tags),
    pollMs,
    signal,
  })
  return { imageId, snapshotIds: snapshots.map(({ snapshotId }) => snapshotId) }
}

/** VM Import works on copies: the replica is pristine, and stays it. */
async function convert(server: Server, context: RunContext, signal: AbortSignal): Promise<CreatedImage> {
  const { aws: clients, journal, ownership, job, pollMs } = context
  const { licence, encrypted, kmsKeyId } = job.settings
  const tags = ownershipTags(ownership, job.settings.tags)
  const release = await context.slots.acquire(['imports'], signal)
  try {
    const { taskId } = await convertImage({
      clients,
      what: server.name,
      description: descriptionOf(server, context),
      guestId: server.guestId,
      firmware: server.firmware,
      licence,
      encrypted,
      kmsKeyId,
      roleName: context.importRoleName,
      clientToken: `${ownership.runId}-image`,
      snapshots: replicaOf(context),
      tags,
      pollMs,
      signal,
    })
    await journal.record({ imageTaskId: taskId })
    return await awaitImageImport({
      clients,
      taskId,
      what: server.name,
      tags,
      pollMs,
      signal,
      onStatus: ({ statusMessage, progress }) =>
        journal.progress({ imageStatus: progress === undefined ? statusMessage : `${statusMessage} (${progress} %)` }),
    })
  } finally {
    release()
  }
}

/** The run's EBS snapshots in the order of the journal: the disk that boots is the first. */
function replicaOf({ journal }: RunContext): { snapshotId: string; sizeBytes: number }[] {
  return journal.run.disks.flatMap(({ snapshotId, sizeBytes }) =>
    snapshotId === undefined ? [] : [{ snapshotId, sizeBytes }],
  )
}

function descriptionOf(server: Server, { ownership }: RunContext): string {
  return `${server.name}, replicated by Hoist run ${ownership.runId}`
}
