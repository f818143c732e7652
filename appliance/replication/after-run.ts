// What the end of a run means for its job: failures are counted, a failing job is paused, old images go.
import type { Logger } from 'pino'
import type { AwsClients } from '../aws/clients.ts'
import { removeImage } from '../aws/image.ts'
import { imageUse } from '../aws/image-use.ts'
import type { Job, Policy, Run } from '../domain.ts'
import type { JobRepository } from '../store/jobs.ts'
import type { RunRepository } from '../store/runs.ts'
import { expiredImages } from './retention.ts'

export interface AfterRun {
  jobs: JobRepository
  runs: RunRepository
  aws: () => Promise<AwsClients>
  policy: () => Policy
  /** Told of every end, with the job as it then stands. */
  told: (run: Run, job: Job, before: Job) => Promise<void>
  log: Logger
}

/** Deals with an ended run. Called again for the same run, it does the same. */
export async function afterRun(run: Run, options: AfterRun): Promise<void> {
  const { jobs, log, told } = options
  const before = await jobs.get(run.jobId)
  if (!before) return
  const job = await countFailures(run, before, options)
  await told(run, job, before)
  if (run.state !== 'succeeded') return
  // The next success tries again: an image too many is better than a run that ends badly for it.
  await removeExpired(job, options).catch(err => log.warn({ err, jobId: job.id }, 'retention not applied'))
}

async function countFailures(run: Run, job: Job, { jobs, policy, log }: AfterRun): Promise<Job> {
  if (run.state === 'succeeded') return await jobs.update(job.id, { failuresInARow: 0 })
  if (run.state !== 'failed') return job
  const failuresInARow = job.failuresInARow + 1
  const { pauseAfterFailures } = policy()
  if (job.state !== 'active' || pauseAfterFailures === 0 || failuresInARow < pauseAfterFailures) {
    return await jobs.update(job.id, { failuresInARow })
  }
  const pausedBecause = `${failuresInARow} runs failed one after the other; the last with ${run.failure?.code}: ${run.failure?.message}`
  log.warn({ jobId: job.id, server: job.serverName, failuresInARow }, 'job paused')
  return await jobs.update(job.id, { failuresInARow, state: 'paused', pausedBecause })
}

/** Takes away the images beyond the job's retention, oldest first, each with its own snapshots. */
async function removeExpired(job: Job, { runs, aws, log }: AfterRun): Promise<void> {
  const images = await runs.imagesOf(job.serverId)
  if (images.length <= job.settings.retention) return
  const clients = await aws()
  const use = await imageUse({ clients, imageIds: images.flatMap(({ imageId }) => imageId ?? []) })
  for (const { run, imageId, snapshotIds } of expiredImages(images, job.settings.retention, use).reverse()) {
    await removeImage({ clients, imageId, snapshotIds })
    await runs.update(run.id, { imageRemovedAt: new Date().toISOString() })
    log.info({ jobId: job.id, runId: run.id, imageId, snapshotIds }, 'image removed by retention')
  }
}
