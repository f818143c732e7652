// Runs that nothing executes and that have not ended: cut off by the last stop, or not cleaned up yet. They are taken back.
import type { Logger } from 'pino'
import type { Job, Run } from '../domain.ts'
import { toApplianceError } from '../errors.ts'
import type { JobRepository } from '../store/jobs.ts'
import type { RunRepository } from '../store/runs.ts'
import { findVmSnapshots } from '../vsphere/vm-snapshot.ts'
import type { RunContext } from './context.ts'
import { discardLeftovers, mayPass } from './discard.ts'
import { vmSnapshotName } from './export-disks.ts'
import { failureOf, interruption, outcomeOf } from './failure.ts'
import { RunJournal, type RunListener } from './journal.ts'
import { isStage } from './states.ts'

export interface Recovery {
  runs: RunRepository
  jobs: JobRepository
  contextFor: (job: Job, journal: RunJournal) => Promise<RunContext>
  /** Whether a run is under way in this process. */
  executes: (runId: string) => boolean
  listener: RunListener
  log: Logger
}

/** vCenter may still make a snapshot that was asked for just before a crash. Its own limit for quiescing is 15 minutes. */
const snapshotMayAppearMs = 20 * 60_000

/**
 * Takes back every run that is still in a stage although nothing executes it. A run that cannot be cleaned now stays, for
 * the next call: until then its job cannot run, and nothing of it is forgotten.
 */
export async function recoverRuns(recovery: Recovery, signal: AbortSignal): Promise<void> {
  const { runs, jobs, contextFor, executes, listener, log } = recovery
  for (const { id } of await runs.active()) {
    if (signal.aborted) return
    if (executes(id)) continue
    // Read again: it may have been under way, and have ended, since the list was made.
    const run = await runs.get(id)
    const job = run && isStage(run.state) ? await jobs.get(run.jobId) : undefined
    if (!run || !job) continue
    const about = { jobId: run.jobId, runId: run.id, server: run.serverName }
    const journal = new RunJournal(run, runs, listener)
    try {
      const ended = await takeBack(await contextFor(job, journal), signal)
      log.warn(about, ended ? 'interrupted run taken back' : 'interrupted run not taken back yet')
    } catch (err) {
      log.error({ err, ...about }, 'interrupted run not taken back yet')
      // The others would wait for the same vCenter, each for a minute.
      if (toApplianceError(err).code === 'VCENTER_UNREACHABLE') return
    }
  }
}

/** False when something may have to be removed later. */
async function takeBack(context: RunContext, signal: AbortSignal): Promise<boolean> {
  const { journal } = context
  if (await snapshotMayAppear(context, signal)) return false
  const failure = journal.run.failure ?? failureOf(interruption(), journal.run, signal)
  const left = await discardLeftovers(context, signal)
  if (signal.aborted || left.some(mayPass)) return false
  await journal.end(outcomeOf(failure), { failure, warnings: [...journal.run.warnings, ...left] })
  return true
}

/** Whether the run was cut off between asking vCenter for a snapshot and learning of it, and there is none so far. */
async function snapshotMayAppear({ vcenter, serverMoref, journal }: RunContext, signal: AbortSignal): Promise<boolean> {
  const { id, state, startedAt, vmSnapshotMoref, disks }: Run = journal.run
  const wasRead = vmSnapshotMoref !== undefined || disks.some(disk => disk.objectKey !== undefined)
  const isLate = Date.now() - Date.parse(startedAt ?? '') > snapshotMayAppearMs
  if (state !== 'uploading' || wasRead || isLate || serverMoref === undefined) return false
  return (await findVmSnapshots(vcenter, { serverMoref, name: vmSnapshotName(id), signal })).length === 0
}
