// Creating the image: registered on the replica's snapshots as they are, or converted by VM Import from copies of them.
import { imageName, registerImage } from '../aws/image.ts'
import { awaitImageImport, convertImage } from '../aws/image-import.ts'
import { ownershipTags } from '../aws/tags.ts'
import type { Server } from '../domain.ts'
import type { RunContext } from './context.ts'

/** Makes the run's AMI by the job's image method, and notes it with the snapshots that it stands on. */
export async function createImage(server: Server, context: RunContext, signal: AbortSignal): Promise<void> {
  const { journal, job } = context
  if (journal.phase('image') === 'proven') return
  const make = job.settings.imageMethod === 'converted' ? convert : register
  const { imageId, snapshotIds } = await make(server, context, signal)
  await journal.step('image', 'proven', { imageId, imageSnapshotIds: snapshotIds })
}

interface CreatedImage {
  imageId: string
  /** What the image stands on: the replica's snapshots when registered, copies when converted. */
  snapshotIds: string[]
}

/** An image that was registered already is found by its run's tag. */
async function register(server: Server, context: RunContext, signal: AbortSignal): Promise<CreatedImage> {
  const { aws: clients, journal, ownership, job, pollMs } = context
  const snapshots = replicaOf(context)
  await journal.step('image', 'intended')
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
  const { aws: clients, journal, ownership, job, slots, priority, pollMs } = context
  const release = await slots.acquire(['imports'], signal, { priority })
  try {
    const taskId = journal.run.imageTaskId ?? (await startConversion(server, context, signal))
    return await awaitImageImport({
      clients,
      taskId,
      what: server.name,
      tags: ownershipTags(ownership, job.settings.tags),
      pollMs,
      signal,
      onStatus: ({ statusMessage, progress }) =>
        journal.progress({ imageStatus: progress === undefined ? statusMessage : `${statusMessage} (${progress} %)` }),
    })
  } finally {
    release()
  }
}

/** Begins the conversion, or finds the one that was begun: the token is the same however often the run goes on. */
async function startConversion(server: Server, context: RunContext, signal: AbortSignal): Promise<string> {
  const { aws: clients, journal, ownership, job, slots, pollMs } = context
  const { licence, encrypted, kmsKeyId } = job.settings
  await journal.step('image', 'intended')
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
    tags: ownershipTags(ownership, job.settings.tags),
    pollMs,
    signal,
    onQueued: () => slots.pushBack('imports'),
  })
  await journal.step('image', 'effected', { imageTaskId: taskId })
  return taskId
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
