// What the end of a run means for its job: failures are counted, a failing job is paused, old images go.
import type { Logger } from 'pino'
import type { AwsClients } from '../aws/clients.ts'
import { removeImage } from '../aws/image.ts'
import { type ImageUse, imageUse } from '../aws/image-use.ts'
import type { Job, Policy, Run } from '../domain.ts'
import type { JobRepository } from '../store/jobs.ts'
import type { RunRepository } from '../store/runs.ts'
import { type Expired, expiredImages, imagesOfJob, snapshotsOf } from './retention.ts'
import { removeManifests } from './transfer-disk.ts'

export interface AfterRun {
  jobs: JobRepository
  runs: RunRepository
  aws: () => Promise<AwsClients>
  connectorId: () => Promise<string>
  /** Asks the lease anew. @throws {ApplianceError} CONNECTOR_READ_ONLY while nothing may be removed */
  confirm: () => Promise<void>
  policy: () => Policy
  /** Told of every end, with the job as it then stands. */
  told: (run: Run, job: Job, before: Job) => Promise<void>
  /** Where manifests are kept; absolute. */
  manifestDirectory: string
  log: Logger
}

/** Counts an ended run, and tells of it. Called again for the same run, it does nothing. */
export async function countRun(run: Run, options: AfterRun): Promise<void> {
  const before = await options.jobs.get(run.jobId)
  if (!before || before.countedRunId === run.id) return
  // First told, then counted: a crash in between tells again, under the same id, and nothing is lost.
  const after = countingOf(run, before, options.policy())
  await options.told(run, { ...before, ...after }, before)
  await options.jobs.update(before.id, { ...after, countedRunId: run.id })
  if (after.pausedBecause) options.log.warn({ jobId: before.id, server: before.serverName }, 'job paused')
}

/** What the run changes in its job. */
function countingOf(run: Run, job: Job, { pauseAfterFailures }: Policy): Partial<Job> {
  if (run.state === 'succeeded') return { failuresInARow: 0 }
  if (run.state !== 'failed') return {}
  const failuresInARow = job.failuresInARow + 1
  if (job.state !== 'active' || pauseAfterFailures === 0 || failuresInARow < pauseAfterFailures)
    return { failuresInARow }
  const pausedBecause = `${failuresInARow} runs failed one after the other; the last with ${run.failure?.code}: ${run.failure?.message}`
  return { failuresInARow, state: 'paused', pausedBecause }
}

/** An image whose snapshots are still in use after so long is left to the next success. */
const inUsePatienceMs = 10_000

/** Takes away the images beyond the job's retention, oldest first. */
export async function applyRetention(run: Run, options: AfterRun): Promise<void> {
  const job = run.state === 'succeeded' ? await options.jobs.get(run.jobId) : undefined
  if (!job) return
  const images = await options.runs.imagesOf(job.serverId)
  const { retention } = job.settings
  if (images.length > retention) await takeAway(images, use => expiredImages(images, retention, use), options)
}

/** Takes away all images of a job that nothing keeps. */
export async function removeImagesOf(job: Job, options: AfterRun): Promise<void> {
  const images = await options.runs.imagesOf(job.serverId)
  if (images.some(({ jobId }) => jobId === job.id))
    await takeAway(images, use => imagesOfJob(images, job.id, use), options)
}

/**
 * Takes away images, each with its own snapshots. One that cannot be removed now does not keep the others: it is known, and
 * tried again with the next.
 */
async function takeAway(
  imaged: readonly Run[],
  choose: (use: ImageUse) => Expired[],
  { runs, aws, connectorId, confirm, manifestDirectory, log }: AfterRun,
): Promise<void> {
  await confirm()
  const clients = await aws()
  const images = imaged.flatMap(run => (run.imageId ? [{ imageId: run.imageId, snapshotIds: snapshotsOf(run) }] : []))
  const use = await imageUse({ clients, connectorId: await connectorId(), images })
  for (const { run, imageId, snapshotIds } of choose(use)) {
    const about = { jobId: run.jobId, runId: run.id, imageId, snapshotIds }
    try {
      await confirm()
      await removeImage({ clients, imageId, snapshotIds, patienceMs: inUsePatienceMs })
      // Of blocks that are nowhere any more.
      await removeManifests(manifestDirectory, { jobId: run.jobId, runId: run.id })
      await runs.update(run.id, { imageRemovedAt: new Date().toISOString() })
      log.info(about, 'image removed')
    } catch (err) {
      log.warn({ err, ...about }, 'image not removed')
    }
  }
}

const newsMs = 24 * 60 * 60_000

/** Counts the newest run of each job that ended just before a crash could be counted. */
export async function countForgotten(what: { runs: RunRepository; jobs: AsyncIterable<Job>; afterRun: AfterRun }) {
  for await (const job of what.jobs) {
    const { items } = await what.runs.list({ jobId: job.id, limit: 1 })
    const [newest] = items
    if (newest?.endedAt === undefined || newest.state === 'missed') continue
    // Of a job that never had a run counted, a run of long ago ended under a version that did not note it.
    const isNews = Date.now() - Date.parse(newest.endedAt) < newsMs
    if (job.countedRunId !== undefined || isNews) await countRun(newest, what.afterRun)
  }
}
