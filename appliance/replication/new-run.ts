// A run before its first step, and the ids of those that the schedule plans.
import { createHash, randomUUID } from 'node:crypto'
import type { Job, Run, RunTrigger } from '../domain.ts'

/** A time that the schedule names, told from the same time in a history that the database does not know. */
export interface PlannedTime {
  at: Date
  /** The connector's. */
  generation: string
}

/** The id of the run that a job has planned for this time: always the same. */
export function plannedRunId(jobId: string, { at, generation }: PlannedTime): string {
  const hex = createHash('sha256').update(`${jobId} ${at.toISOString()} ${generation}`).digest('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-')
}

/** A run of the job, in its first stage. */
export function newRun(job: Job, trigger: RunTrigger, planned?: PlannedTime): Run {
  return {
    id: planned ? plannedRunId(job.id, planned) : randomUUID(),
    jobId: job.id,
    serverId: job.serverId,
    serverName: job.serverName,
    state: 'scheduled',
    trigger,
    createdAt: new Date().toISOString(),
    settings: job.settings,
    disks: [],
    steps: [],
    resumptions: 0,
    retries: {},
    imageSnapshotIds: [],
    warnings: [],
  }
}
