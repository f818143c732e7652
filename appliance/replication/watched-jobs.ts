// A job repository that tells of every change, whoever makes it: an operator, the schedule, or the end of a run.
import type { Job } from '../domain.ts'
import type { JobRepository } from '../store/jobs.ts'

export interface JobWatcher {
  /** It was made, or is otherwise now. */
  changed(job: Job): void
  deleted(jobId: string): void
}

/** What is told of is stored; what was refused is not told of. */
export function watchedJobs(jobs: JobRepository, { changed, deleted }: JobWatcher): JobRepository {
  return {
    ...jobs,
    async create(job) {
      const made = await jobs.create(job)
      changed(made)
      return made
    },
    async update(id, patch) {
      const job = await jobs.update(id, patch)
      changed(job)
      return job
    },
    async delete(id) {
      await jobs.delete(id)
      deleted(id)
    },
  }
}
