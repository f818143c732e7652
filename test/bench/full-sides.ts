// The two sides of benchmark "full": the appliance, and what a user would do instead. Each moves the VM's disk into an S3 object once.
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { RunView } from '../../appliance/api/schemas/runs.ts'
import type { ApplianceProcess } from '../demo/appliance-process.ts'
import { createJob } from '../demo/drive.ts'
import type { Lab } from '../lab/lab.ts'
import { tools } from '../lab/tools.ts'
import { firstRequestMs, labCpuSeconds, type Mark, markNow, objectCompletedMs } from './lab-clock.ts'
import { measureCommand } from './measure.ts'

/** How often the end of an upload is looked for; the time itself comes from the lab's log. */
const pollMs = 250

/** One disk on its way from vCenter to a completed object. */
export interface Moved {
  /** From the first request that vCenter got to S3's answer that the object is complete. */
  wallSeconds: number
  /** Of the side's own programs. */
  cpuSeconds: number
  /** Of the lab's programs meanwhile, on the same cores. */
  labCpuSeconds: number
  rssPeakBytes: number
  bucket: string
  key: string
}

export interface Side {
  move(signal: AbortSignal): Promise<Moved>
  /** Takes away what the last move made. */
  clean(): Promise<void>
}

/**
 * The appliance. A hold on ImportSnapshot keeps each run at the end of its upload, where its object can be looked at; a
 * cancelled run then takes its object away by itself.
 */
export async function applianceSide(lab: Lab, appliance: ApplianceProcess, serverId: string): Promise<Side> {
  const hold = { service: 'ec2', operation: 'ImportSnapshot', kind: 'hold', times: -1 }
  let current: { jobId: string; runId: string; holdId: number } | undefined
  return {
    async move(signal) {
      const { id: holdId } = await lab.awsControl<{ id: number }>('POST', '/faults', hold)
      const mark = await markNow(lab)
      const cpuBefore = await appliance.cpuSeconds()
      const jobId = await createJob(appliance, serverId, { imageMethod: 'registered' })
      const completedMs = await untilCompleted(lab, mark, () => latestRun(appliance, jobId), signal)
      const cpuSeconds = round((await appliance.cpuSeconds()) - cpuBefore)
      const run = await latestRun(appliance, jobId)
      const disk = run?.disks[0]
      if (!run || !disk?.bucket || !disk.objectKey) throw new Error('The run names no object')
      current = { jobId, runId: run.id, holdId }
      return {
        ...(await sums(lab, mark, lab.vcenter.connector.username, completedMs)),
        cpuSeconds,
        rssPeakBytes: await appliance.rssPeakBytes(),
        bucket: disk.bucket,
        key: disk.objectKey,
      }
    },
    async clean() {
      if (!current) return
      // A cancelled run waits for the answers to what it has asked of AWS, so that it can take that back.
      await Promise.all([
        appliance.call('POST', `/api/runs/${current.runId}/cancel`),
        lab.awsControl('DELETE', `/faults/${current.holdId}`),
      ])
      await appliance.call('DELETE', `/api/jobs/${current.jobId}`)
      current = undefined
    },
  }
}

async function latestRun(appliance: ApplianceProcess, jobId: string): Promise<RunView | undefined> {
  const { items } = await appliance.call<{ items: RunView[] }>('GET', `/api/runs?jobId=${jobId}`)
  const run = items[0]
  if (run?.failure) throw new Error(`The run failed: ${run.failure.code} ${run.failure.message}`)
  return run
}

async function untilCompleted(lab: Lab, mark: Mark, check: () => Promise<unknown>, signal: AbortSignal) {
  for (;;) {
    const completedMs = await objectCompletedMs(lab, mark)
    if (completedMs !== undefined) return completedMs
    await check()
    await delay(pollMs, undefined, { signal })
  }
}

/** `govc export.ovf` to local disk, then `aws s3 cp`, with both tools' own defaults. */
export async function peerSide(lab: Lab, vm: string, directory: string): Promise<Side & { export: Side['move'] }> {
  const { admin, url } = lab.vcenter
  const bucket = 'hoist-bench-peer'
  const key = `${vm}.vmdk`
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    GOVC_URL: url,
    GOVC_USERNAME: admin.username,
    GOVC_PASSWORD: admin.password,
    GOVC_INSECURE: '1',
    GOVC_PERSIST_SESSION: 'false',
    AWS_ENDPOINT_URL: lab.aws.endpoint,
    AWS_REGION: lab.aws.region,
    AWS_DEFAULT_REGION: lab.aws.region,
    AWS_ACCESS_KEY_ID: lab.aws.admin.accessKeyId,
    AWS_SECRET_ACCESS_KEY: lab.aws.admin.secretAccessKey,
  }
  const aws = (args: string[], signal: AbortSignal) => measureCommand(tools.aws, args, { env, signal })
  const exported = join(directory, vm)
  const runGovc = (signal: AbortSignal) =>
    measureCommand(tools.govc, ['export.ovf', '-f', '-vm', vm, directory], { env, signal })
  await aws(['s3', 'mb', `s3://${bucket}`], AbortSignal.timeout(60_000))

  return {
    /** The first half alone, thrown away: it makes the lab encode the disk. */
    async export(signal) {
      const mark = await markNow(lab)
      const { cpuSeconds, rssPeakBytes } = await runGovc(signal)
      const figures = await sums(lab, mark, admin.username, Date.now())
      await rm(exported, { recursive: true, force: true })
      return { ...figures, cpuSeconds, rssPeakBytes, bucket, key }
    },
    async move(signal) {
      const mark = await markNow(lab)
      const read = await runGovc(signal)
      const disks = (await readdir(exported)).filter(name => name.endsWith('.vmdk'))
      if (disks.length !== 1) throw new Error(`govc exported ${disks.length} disks: ${disks}`)
      const sent = await aws(
        ['s3', 'cp', '--no-progress', join(exported, disks[0] as string), `s3://${bucket}/${key}`],
        signal,
      )
      const completedMs = await objectCompletedMs(lab, mark)
      if (completedMs === undefined) throw new Error('aws s3 cp completed no multipart upload')
      return {
        ...(await sums(lab, mark, admin.username, completedMs)),
        cpuSeconds: round(read.cpuSeconds + sent.cpuSeconds),
        rssPeakBytes: Math.max(read.rssPeakBytes, sent.rssPeakBytes),
        bucket,
        key,
      }
    },
    async clean() {
      await rm(exported, { recursive: true, force: true })
      await aws(['s3', 'rm', '--quiet', `s3://${bucket}/${key}`], AbortSignal.timeout(60_000))
    },
  }
}

async function sums(lab: Lab, mark: Mark, user: string, completedMs: number) {
  return {
    wallSeconds: round((completedMs - (await firstRequestMs(lab, mark, user))) / 1000),
    labCpuSeconds: round((await labCpuSeconds(lab)) - mark.labCpuSeconds),
  }
}

function round(seconds: number): number {
  return Math.round(seconds * 100) / 100
}
