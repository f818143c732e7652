// Looks at the runs and at the VMs all the time: what two moments had in common no log at the end can tell.
import { setTimeout as sleep } from 'node:timers/promises'
import type { RunView } from '../../appliance/api/schemas/runs.ts'
import type { Site } from './site.ts'

const lookMs = 60
const stages = ['scheduled', 'uploading', 'converting', 'creatingImage']

export interface JobSeen {
  id: string
  state: string
  nextRunAt?: string
}

interface SeenVm {
  name: string
  snapshots: { moref: string; name: string }[]
  disks: { key: number; file: string }[]
}

export class Watcher {
  readonly #site: Site
  readonly #ended = new AbortController()
  readonly #looking: Promise<void>
  /** By id, as last seen. */
  readonly runs = new Map<string, RunView>()
  jobs: JobSeen[] = []
  /** Runs that were ordered besides the schedule, by job. */
  readonly ordered = new Map<string, number>()
  /** The same job, or the same VM, twice at once. */
  readonly doubled = new Set<string>()
  /** Snapshots on top of those that an ended or forgotten run has left: they grow while nobody needs them. */
  readonly stale = new Set<string>()
  /** Grows with every look at the API that succeeded. */
  looks = 0

  constructor(site: Site) {
    this.#site = site
    this.#looking = this.#lookOn()
  }

  get active(): RunView[] {
    return [...this.runs.values()].filter(isActive)
  }

  /** How far reading has come over the newest run of every job, 0 to 1. */
  get readFraction(): number {
    const disks = this.newestRuns.flatMap(run => run.disks)
    const size = disks.reduce((sum, disk) => sum + disk.sizeBytes, 0)
    return size === 0 ? 0 : disks.reduce((sum, disk) => sum + disk.readBytes, 0) / size
  }

  /** Of each job. */
  get newestRuns(): RunView[] {
    const newest = new Map<string, RunView>()
    for (const run of this.runs.values()) {
      const other = newest.get(run.jobId)
      if (other === undefined || other.createdAt < run.createdAt) newest.set(run.jobId, run)
    }
    return [...newest.values()]
  }

  /** Nothing goes on, and nothing is due within the next minute. */
  get idle(): boolean {
    const soon = Date.now() + 60_000
    const begun = this.jobs.every(job => this.newestRuns.some(run => run.jobId === job.id))
    return begun && this.active.length === 0 && this.jobs.every(job => !(Date.parse(job.nextRunAt ?? '') < soon))
  }

  /** Orders a run of a job, as a user does who wants it now; insists while the last one is still being cleaned up. */
  async order(jobId: string): Promise<RunView> {
    for (let attempt = 0; ; attempt++) {
      try {
        const run = await this.#site.call<RunView>('POST', `/api/jobs/${jobId}/runs`)
        this.ordered.set(jobId, (this.ordered.get(jobId) ?? 0) + 1)
        this.runs.set(run.id, run)
        return run
      } catch (error) {
        if (attempt === 50 || !String(error).includes('RUN_IN_PROGRESS')) throw error
        await sleep(200)
      }
    }
  }

  /** What was seen does not hold any more: the database is one from when so many runs had been ordered. */
  forget(ordered: Iterable<[string, number]>): void {
    this.runs.clear()
    this.ordered.clear()
    for (const [jobId, count] of ordered) this.ordered.set(jobId, count)
  }

  async stop(): Promise<void> {
    this.#ended.abort()
    await this.#looking
  }

  async #lookOn(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      await Promise.all([this.#lookAtRuns(), this.#lookAtVms()])
      await sleep(lookMs)
    }
  }

  async #lookAtRuns(): Promise<void> {
    try {
      const [runs, jobs] = await Promise.all([
        this.#site.callOnce<{ items: RunView[] }>('GET', '/api/runs?limit=200'),
        this.#site.callOnce<{ items: JobSeen[] }>('GET', '/api/jobs'),
      ])
      this.jobs = jobs.items
      for (const run of runs.items) {
        const before = this.runs.get(run.id)
        if (before?.state !== run.state)
          this.#site.tell(`run ${run.id.slice(0, 8)} of ${run.serverName}: ${run.state} ${run.failure?.code ?? ''}`)
        this.runs.set(run.id, run)
      }
      const active = new Set<string>()
      for (const run of runs.items.filter(isActive)) {
        if (active.has(run.jobId)) this.doubled.add(`two runs of ${run.serverName} at once`)
        active.add(run.jobId)
      }
      this.looks++
    } catch {
      // It is down, or does not answer just now: that is what is being tried.
    }
  }

  async #lookAtVms(): Promise<void> {
    try {
      for (const vm of await this.#site.lab.vcenterControl<SeenVm[]>('GET', '/vms')) {
        if (vm.snapshots.length < 2) continue
        const names = vm.snapshots.map(({ name }) => name)
        // Its name holds the run's id.
        const working = names.filter(name => this.active.some(run => name.includes(run.id)))
        const list = working.length > 1 ? this.doubled : this.stale
        list.add(`${vm.snapshots.length} snapshots of ${vm.name} at once: ${names.join(', ')}`)
      }
    } catch (error) {
      this.#site.tell(`the lab's vCenter: ${error}`)
    }
  }
}

function isActive(run: { state: string }): boolean {
  return stages.includes(run.state)
}
