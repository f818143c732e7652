// What carries this connector's mark outside: found, shown with what would become of it, cleaned up, adopted.
import { randomUUID } from 'node:crypto'
import type { Logger } from 'pino'
import type { AwsClients } from '../aws/clients.ts'
import { deleteSnapshot, tagResources } from '../aws/ec2-snapshot.ts'
import { removeImage } from '../aws/image.ts'
import { undoImageImport } from '../aws/image-import.ts'
import { listMarked, type Mark, type MarkedTask } from '../aws/marked.ts'
import { abortUploads, deleteObject } from '../aws/s3-objects.ts'
import { undoSnapshotImport } from '../aws/snapshot-import.ts'
import { ownershipTags } from '../aws/tags.ts'
import type { Job, Run } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { oneAtATime } from '../one-at-a-time.ts'
import type { JobRepository } from '../store/jobs.ts'
import type { RunRepository } from '../store/runs.ts'
import { findMarkedSnapshots } from '../vsphere/marked-snapshots.ts'
import type { VcenterSession } from '../vsphere/session.ts'
import { removeVmSnapshot } from '../vsphere/vm-snapshot.ts'
import { defaultSettings } from './jobs.ts'
import { judge, type Leftover, type Marked } from './leftovers.ts'
import { newRun } from './new-run.ts'

/** Both sides, as the connector is registered with them. */
export interface Sides {
  connectorId: string
  bucket: string
  accountId: string
  vcenter: VcenterSession
  aws: AwsClients
}

export interface LeftoverOptions {
  runs: RunRepository
  jobs: JobRepository
  /** Undefined while the connector is not registered: then nothing carries its mark. */
  sides: () => Promise<Sides | undefined>
  /** Asks the lease anew. @throws {ApplianceError} CONNECTOR_READ_ONLY while nothing may be removed */
  confirm: () => Promise<void>
  onError: (error: unknown) => void
  log: Logger
}

/** A thing with how it is taken away. */
type Removable<T extends Marked> = T & { remove: (signal: AbortSignal) => Promise<unknown> }

const cleaningTimeoutMs = 30 * 60_000

/** The verbs on leftovers. */
export function leftoverService({ runs, jobs, sides, confirm, onError, log }: LeftoverOptions) {
  let cleaning: Promise<void> | undefined
  const inTurn = oneAtATime()

  /** First what stands outside, then the runs: one that began in between is known. */
  async function look(signal: AbortSignal): Promise<Removable<Leftover>[]> {
    const both = await sides()
    if (!both) return []
    const marked = [...(await markedInVcenter(both, signal)), ...(await markedInAws(both, signal))]
    const removals = new Map(marked.map(thing => [thing.id, thing.remove]))
    const judged = judge(marked, await knownOf(marked))
    return judged.map(thing => ({ ...thing, remove: removals.get(thing.id) ?? (async () => undefined) }))
  }

  async function knownOf(marked: readonly Marked[]) {
    const known = new Map<string, Run>()
    for (const id of new Set(marked.flatMap(({ runId }) => runId ?? []))) {
      const run = await runs.get(id)
      if (run) known.set(id, run)
    }
    // Adopted images stand in runs of other ids than their tags say.
    const serverIds = new Set(marked.flatMap(({ serverId }) => serverId ?? []))
    const others = (await Promise.all([...serverIds].map(id => runs.imagesOf(id)))).flat()
    const all = [...known.values(), ...others]
    return {
      runs: known,
      imageIds: new Set(all.flatMap(({ state, imageId }) => (state === 'succeeded' && imageId ? [imageId] : []))),
      snapshotIds: new Set(
        all.flatMap(({ state, disks, imageSnapshotIds }) =>
          state === 'succeeded' ? [...disks.flatMap(disk => disk.snapshotId ?? []), ...imageSnapshotIds] : [],
        ),
      ),
    }
  }

  async function cleanOnce(signal: AbortSignal): Promise<void> {
    await confirm()
    for (const { remove, kind, id, where, why, verdict, runId } of await look(signal)) {
      if (verdict !== 'remove') continue
      await confirm()
      try {
        await remove(signal)
        log.warn({ kind, id, where, why, runId }, 'leftover removed')
      } catch (err) {
        log.warn({ err, kind, id, where, runId }, 'leftover could not be removed')
      }
    }
  }

  /** Removes what is of use to nobody; one cleaning at a time, which a second call joins. */
  function reap(signal: AbortSignal): Promise<void> {
    const ends = AbortSignal.any([signal, AbortSignal.timeout(cleaningTimeoutMs)])
    cleaning ??= cleanOnce(ends).finally(() => {
      cleaning = undefined
    })
    return cleaning
  }

  return {
    reap,

    async list(signal: AbortSignal): Promise<Leftover[]> {
      return (await look(signal)).map(
        ({ remove: _verb, serverId: _id, snapshotIds: _ids, complete: _state, ...shown }) => shown,
      )
    },

    async clean(): Promise<void> {
      await confirm()
      void reap(new AbortController().signal).catch(onError)
    },

    /** One after the other: the second call for an image finds that it is known. */
    adopt: (imageId: string, signal: AbortSignal): Promise<Run> => inTurn(() => adoptOnce(imageId, signal)),
  }

  async function adoptOnce(imageId: string, signal: AbortSignal): Promise<Run> {
    await confirm()
    const found = await look(signal)
    const image = found.find(({ kind, id, verdict }) => kind === 'image' && id === imageId && verdict === 'adopt')
    if (!image) throw notAdoptable(imageId)
    const ofRun = found.filter(
      ({ kind, runId }) => kind === 'ebsSnapshot' && runId !== undefined && runId === image.runId,
    )
    // A converted image stands on copies, which carry the run's mark too.
    const pristine = ofRun.filter(({ id }) => !image.snapshotIds?.includes(id))
    const replica = pristine.length > 0 ? pristine : ofRun
    const job = await jobFor(image, jobs)
    const taken = image.runId !== undefined && (await runs.get(image.runId)) !== undefined
    const run = await runs.create(adoptedRun(job, image, replica, taken ? randomUUID() : image.runId))
    log.info({ runId: run.id, jobId: job.id, imageId }, 'image adopted')
    return run
  }
}

async function markedInVcenter({ vcenter, connectorId }: Sides, signal: AbortSignal): Promise<Removable<Marked>[]> {
  const found = await findMarkedSnapshots(vcenter, { connectorId, signal })
  return found.map(({ snapshotMoref, serverMoref, serverName, name, runId, jobId, createdAt }) => ({
    kind: 'vmSnapshot',
    id: snapshotMoref,
    where: `${serverName}: ${name}`,
    ...{ runId, jobId, serverName, createdAt },
    remove: signal => removeVmSnapshot(vcenter, { snapshotMoref, serverMoref, serverName, signal }),
  }))
}

async function markedInAws(sides: Sides, signal: AbortSignal): Promise<Removable<Marked>[]> {
  const { aws: clients, connectorId, bucket, accountId } = sides
  const found = await listMarked({ clients, connectorId, bucket, accountId, signal })
  const inBucket = (key: string) => `s3://${bucket}/${key}`
  // Tasks before what they make, images before what they stand on.
  return [
    ...found.tasks.map(task => fromTask(task, sides)),
    ...found.images.map(
      ({ imageId, name, state, createdAt, snapshotIds, mark, tagged }): Removable<Marked> => ({
        ...{ kind: 'image', id: imageId, where: `EC2: ${name}`, ...whose(mark), ...at(createdAt) },
        ...{ snapshotIds, complete: state === 'available' },
        async remove(signal) {
          if (!tagged)
            await tagResources({ clients, ids: [imageId, ...snapshotIds], tags: tagsOf(mark, connectorId), signal })
          await removeImage({ clients, imageId, snapshotIds, signal })
        },
      }),
    ),
    ...found.snapshots.map(
      ({ snapshotId, state, startedAt, sizeBytes, mark, tagged }): Removable<Marked> => ({
        ...{ kind: 'ebsSnapshot', id: snapshotId, where: 'EC2', ...whose(mark), ...at(startedAt), sizeBytes },
        complete: state === 'completed',
        async remove(signal) {
          // What is not tagged may not be deleted.
          if (!tagged) await tagResources({ clients, ids: [snapshotId], tags: tagsOf(mark, connectorId), signal })
          await deleteSnapshot({ clients, snapshotId, signal })
        },
      }),
    ),
    ...found.uploads.map(
      ({ key, uploadId, initiatedAt, runId }): Removable<Marked> => ({
        ...{ kind: 'upload', id: uploadId, where: inBucket(key), ...(runId ? { runId } : {}), ...at(initiatedAt) },
        remove: () => abortUploads({ clients, bucket, key, accountId, uploadId }),
      }),
    ),
    ...found.objects.map(
      ({ key, sizeBytes, modifiedAt, runId }): Removable<Marked> => ({
        ...{ kind: 'object', id: key, where: inBucket(key), ...(runId ? { runId } : {}), ...at(modifiedAt), sizeBytes },
        remove: signal => deleteObject({ clients, bucket, key, accountId, signal }),
      }),
    ),
  ]
}

function fromTask({ kind, taskId, status, mark }: MarkedTask, { aws: clients, connectorId }: Sides): Removable<Marked> {
  const tags = tagsOf(mark, connectorId)
  const complete = status !== 'active'
  return {
    ...{ kind: 'importTask', id: taskId, where: 'EC2', ...whose(mark), complete },
    remove: () =>
      kind === 'snapshot'
        ? undoSnapshotImport({ clients, taskId, tags })
        : undoImageImport({ clients, taskId, what: mark.serverName ?? '', tags }),
  }
}

function tagsOf(
  { jobId = '', runId = '', serverId = '', serverName = '' }: Mark,
  connectorId: string,
): Record<string, string> {
  return ownershipTags({ connectorId, jobId, runId, serverId, serverName })
}

function whose({
  runId,
  jobId,
  serverId,
  serverName,
}: Mark): Pick<Marked, 'runId' | 'jobId' | 'serverId' | 'serverName'> {
  return {
    ...(runId ? { runId } : {}),
    ...(jobId ? { jobId } : {}),
    ...(serverId ? { serverId } : {}),
    ...(serverName ? { serverName } : {}),
  }
}

function at(date: Date | undefined): { createdAt?: string } {
  return date === undefined ? {} : { createdAt: date.toISOString() }
}

/** The job that the image came from, the server's present one, or one that has ended: only to hold the run. */
async function jobFor(
  { jobId, serverId, serverName = 'unknown', createdAt }: Marked,
  jobs: JobRepository,
): Promise<Job> {
  const known = (jobId && (await jobs.get(jobId))) || (serverId && (await jobs.ofServer(serverId)))
  if (known) return known
  const at = createdAt ?? new Date().toISOString()
  return await jobs.create({
    id: jobId ?? randomUUID(),
    serverId: serverId ?? randomUUID(),
    serverName,
    schedule: { startAt: at },
    settings: defaultSettings,
    state: 'ended',
    createdAt: at,
    failuresInARow: 0,
  })
}

function adoptedRun(job: Job, image: Marked, replica: readonly Marked[], id: string = randomUUID()): Run {
  const at = image.createdAt ?? new Date().toISOString()
  const snapshotIds = image.snapshotIds ?? []
  return {
    ...newRun(job, 'adopted'),
    ...{ id, state: 'succeeded', createdAt: at, startedAt: at, endedAt: at },
    ...{ imageId: image.id, imageSnapshotIds: snapshotIds },
    disks: replica.map(({ id: snapshotId, sizeBytes = 0 }, index) => ({
      ...{ key: index, label: `Disk ${index + 1} (adopted)`, sizeBytes, readBytes: 0, uploadedBytes: 0 },
      ...{ objectDeleted: true, snapshotId },
    })),
  }
}

function notAdoptable(imageId: string): ApplianceError {
  return new ApplianceError(
    'LEFTOVER_NOT_ADOPTABLE',
    `${imageId} is no whole image of this connector that no run knows`,
    {
      hint: 'List the leftovers again: only images whose verdict is "adopt" can be taken in.',
    },
  )
}
