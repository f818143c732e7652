// Gauges of the jobs, and when each last succeeded: looked up once, then followed.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Gauge, type Registry } from 'prom-client'
import type { Job, Run } from '../domain.ts'

export interface JobReaders {
  /** In pages, between which others get the event loop. */
  jobs(): AsyncIterable<readonly Pick<Job, 'id' | 'serverName' | 'state'>[]>
  /** ISO 8601; absent while there is none. Asked once per job: the ends of runs are followed from then on. */
  lastSuccessAt(jobId: string): Promise<string | undefined>
}

export interface JobGauges {
  gauges: Gauge[]
  read(): Promise<void>
  ended(run: Run): void
}

/** Jobs looked up before others get the event loop: as many as the store takes at once. */
const batch = 100

export function registerJobGauges(registry: Registry, readers: JobReaders): JobGauges {
  const registers = [registry]
  const jobs = new Gauge({ name: 'hoist_jobs', help: 'Replication jobs, by state.', labelNames: ['state'], registers })
  const lastSuccess = new Gauge({
    name: 'hoist_last_success_timestamp_seconds',
    help: 'End of the last successful run of a job.',
    // Not `job`: Prometheus itself calls what it scrapes so, and would rename ours.
    labelNames: ['job_id', 'server'],
    registers,
  })
  /** Seconds since the epoch; undefined where there is none yet. */
  const successes = new Map<string, number | undefined>()

  async function lookUp(ids: Set<string>): Promise<void> {
    let looked = 0
    for (const id of ids) {
      if (successes.has(id)) continue
      const at = await readers.lastSuccessAt(id)
      // A run that succeeded meanwhile is newer than what was found.
      if (!successes.has(id)) successes.set(id, at === undefined ? undefined : seconds(at))
      if (++looked % batch === 0) await nextTurn()
    }
    for (const id of successes.keys()) if (!ids.has(id)) successes.delete(id)
  }

  return {
    gauges: [jobs, lastSuccess],
    async read() {
      const all = (await Array.fromAsync(readers.jobs())).flat()
      await lookUp(new Set(all.map(({ id }) => id)))
      for (const state of ['active', 'paused', 'ended'] as const)
        jobs.set({ state }, all.filter(job => job.state === state).length)
      lastSuccess.reset()
      for (const { id, serverName } of all) {
        const at = successes.get(id)
        if (at !== undefined) lastSuccess.set({ job_id: id, server: serverName }, at)
      }
    },
    ended(run) {
      if (run.state === 'succeeded' && run.endedAt !== undefined) successes.set(run.jobId, seconds(run.endedAt))
    },
  }
}

function seconds(iso: string): number {
  return Date.parse(iso) / 1000
}
