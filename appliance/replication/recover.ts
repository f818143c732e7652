// Runs that have not ended and that nothing executes: cut off by the last stop or crash. They are gone on with, or let be.
import type { Logger } from 'pino'
import type { JobRepository } from '../store/jobs.ts'
import type { RunRepository } from '../store/runs.ts'
import { RunJournal, type RunListener } from './journal.ts'
import type { Runner } from './runner.ts'

export interface Recovery {
  runs: RunRepository
  jobs: JobRepository
  log: Logger
}

/** Goes on with every run that is still in a stage and that nothing executes. May be called again. */
export async function resumeRuns({ runs, jobs, log }: Recovery, runner: Runner): Promise<void> {
  for (const run of await runs.active()) {
    if (runner.executes(run.id)) continue
    const job = await jobs.get(run.jobId).catch(err => {
      log.error({ err, jobId: run.jobId, runId: run.id }, 'run cannot be gone on with')
      return undefined
    })
    if (!job) continue
    log.info({ jobId: job.id, runId: run.id, server: run.serverName, state: run.state }, 'run gone on with')
    runner.resume(job, run)
  }
}

/**
 * Ends the runs of a database that is not the present (restored from a backup, or a clone's): how they went on is not known
 * here, so nothing that carries their mark is touched.
 */
export async function abandonRuns({ runs, log }: Recovery, listener: RunListener): Promise<void> {
  for (const run of await runs.active()) {
    const journal = new RunJournal(run, runs, listener)
    const message = 'The database is older than the run: how it went on is not known'
    const hint = 'Look at the list of leftovers: what the run made can be adopted there. Then start the job again.'
    const stage = run.state === 'scheduled' || run.state === 'uploading' ? run.state : 'converting'
    await journal.end('failed', { failure: { code: 'DATABASE_RESTORED', message, hint, stage } })
    log.warn({ jobId: run.jobId, runId: run.id, server: run.serverName }, 'run of an older database ended')
  }
}
