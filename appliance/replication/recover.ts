// After a restart: runs that the last stop cut off are taken back and end as failed; the job's next run does the work.
import type { Logger } from 'pino'
import type { Job, Run } from '../domain.ts'
import { toApplianceError } from '../errors.ts'
import type { JobRepository } from '../store/jobs.ts'
import type { RunRepository } from '../store/runs.ts'
import { findVmSnapshots, removeVmSnapshot } from '../vsphere/vm-snapshot.ts'
import type { RunContext } from './context.ts'
import { discardLeftovers } from './discard.ts'
import { vmSnapshotName } from './export-disks.ts'
import { interruption } from './failure.ts'
import { RunJournal } from './journal.ts'
import { isStage } from './states.ts'

export interface Recovery {
  runs: RunRepository
  jobs: JobRepository
  contextFor: (job: Job, journal: RunJournal) => Promise<RunContext>
  log: Logger
}

/** Takes back every run that is still in a stage although nothing executes it. A run that cannot be cleaned now is tried again at the next start. */
export async function recoverRuns(recovery: Recovery, signal: AbortSignal): Promise<void> {
  const { runs, jobs, contextFor, log } = recovery
  for (const run of await runs.active()) {
    if (signal.aborted) return
    const job = await jobs.get(run.jobId)
    if (!job) continue
    const journal = new RunJournal(run, runs, () => undefined)
    try {
      await takeBack(run, await contextFor(job, journal), signal)
      log.warn({ jobId: run.jobId, runId: run.id, server: run.serverName }, 'interrupted run taken back')
    } catch (err) {
      log.error({ err, jobId: run.jobId, runId: run.id, server: run.serverName }, 'interrupted run not taken back yet')
    }
  }
}

async function takeBack(run: Run, context: RunContext, signal: AbortSignal): Promise<void> {
  const { journal, vcenter, serverMoref } = context
  const name = vmSnapshotName(run.id)
  for (const snapshot of await findVmSnapshots(vcenter, { serverMoref, name, signal })) {
    await removeVmSnapshot(vcenter, { snapshotMoref: snapshot.moref, serverMoref, serverName: run.serverName, signal })
  }
  await journal.recordSnapshotRemoved()
  const left = await discardLeftovers(context)
  const { code, message, hint } = toApplianceError(interruption())
  const stage = isStage(run.state) ? run.state : 'scheduled'
  await journal.end('failed', {
    failure: { code, message, hint, stage },
    warnings: [...run.warnings, ...left],
  })
}
