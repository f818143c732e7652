// Replication jobs as operators handle them: made, changed, started, deleted.
import { randomUUID } from 'node:crypto'
import type { BandwidthLimit, Job, JobSettings, Run, Schedule, Server, ServerId } from '../domain.ts'
import { ApplianceError, toApplianceError } from '../errors.ts'
import { everyJob, type JobRepository } from '../store/jobs.ts'
import type { ServerRepository } from '../store/servers.ts'
import { type Assess, refusal } from './admission.ts'
import type { Runner } from './runner.ts'

/** What may be left out when a job is made. */
export interface JobRequest {
  serverIds: ServerId[]
  schedule?: Partial<Schedule>
  settings?: Partial<JobSettings>
}

/** What is absent stays; null takes away what a job need not have. */
export interface JobChange {
  state?: 'active' | 'paused'
  schedule?: Partial<Omit<Schedule, 'everyHours'>> & { everyHours?: number | null }
  settings?: Partial<Omit<JobSettings, 'kmsKeyId'>> & { kmsKeyId?: string | null }
}

export interface Refused {
  serverId: ServerId
  code: string
  message: string
  hint: string
}

/** What a job does unless it is told otherwise. */
export const defaultSettings: JobSettings = {
  licence: 'auto',
  imageMethod: 'registered',
  encrypted: false,
  retention: 7,
  tags: {},
}

export interface JobServiceOptions {
  jobs: JobRepository
  servers: ServerRepository
  runner: Runner
  assess: Assess
  /** What schedule/ knows of times. */
  times: {
    validateSchedule: (schedule: Schedule, now: Date) => void
    validateBandwidth: (limit: BandwidthLimit) => void
    /** When a new schedule runs first. */
    firstRun: (schedule: Schedule) => Date
    /** The first time after `now` that a schedule names. */
    nextRun: (schedule: Schedule, progress: { now: Date; servedAt?: Date; jobId: string }) => Date | undefined
    /** When a paused job that goes on runs next. */
    resumedRun: (job: Job, now: Date) => Date | undefined
  }
  /** Rejects with CONNECTOR_READ_ONLY, or with why AWS cannot tell, while nothing may be started or removed. */
  ensureActive: () => Promise<void>
  /** Takes away the images of a job that nothing keeps. */
  removeImages: (job: Job) => Promise<void>
  now: () => Date
}

/** The verbs on jobs, with their rules. */
export function jobService({
  jobs,
  servers,
  runner,
  assess,
  times,
  ensureActive,
  removeImages,
  now,
}: JobServiceOptions) {
  async function get(id: string): Promise<Job> {
    const job = await jobs.get(id)
    if (!job)
      throw new ApplianceError('NOT_FOUND', `There is no job ${id}`, { hint: 'List the jobs to see which there are.' })
    return job
  }

  async function createOne(serverId: ServerId, schedule: Schedule, settings: JobSettings): Promise<Job> {
    const server = await servers.get(serverId)
    if (!server) throw unknownServer(serverId)
    assertAdmissible(server, settings, assess)
    return await jobs.create({
      id: randomUUID(),
      serverId,
      serverName: server.name,
      schedule,
      settings,
      state: 'active',
      createdAt: now().toISOString(),
      nextRunAt: times.firstRun(schedule).toISOString(),
      failuresInARow: 0,
    })
  }

  /** A new start is one that a user gave; another interval alone goes on from the old start, and runs nothing now. */
  function nextOf(job: Job, schedule: Schedule, change: JobChange): string | undefined {
    if (change.schedule?.startAt !== undefined) {
      times.validateSchedule(schedule, now())
      return times.firstRun(schedule).toISOString()
    }
    const started = Date.parse(schedule.startAt) <= now().getTime()
    // What is long past needs no second check of its start, but of everything else.
    times.validateSchedule(started ? { ...schedule, startAt: now().toISOString() } : schedule, now())
    const next = started ? times.nextRun(schedule, { now: now(), jobId: job.id }) : times.firstRun(schedule)
    return next?.toISOString()
  }

  function settingsOf(base: JobSettings, { kmsKeyId, ...change }: JobChange['settings'] = {}): JobSettings {
    const { kmsKeyId: keyBefore, ...kept } = base
    const key = kmsKeyId === undefined ? keyBefore : kmsKeyId
    const settings: JobSettings = { ...kept, ...change, ...(key == null ? {} : { kmsKeyId: key }) }
    if (settings.bandwidth) times.validateBandwidth(settings.bandwidth)
    if (settings.kmsKeyId !== undefined && !settings.encrypted) {
      throw new ApplianceError('INVALID_REQUEST', 'A KMS key was given for images that are not encrypted', {
        hint: 'Set encrypted to true, or leave the key out.',
      })
    }
    return settings
  }

  return {
    get,

    list: (): Promise<Job[]> => Array.fromAsync(everyJob(jobs)),

    /** Makes a job for each server that can have one, and says why for each that cannot. */
    async create(request: JobRequest): Promise<{ created: Job[]; refused: Refused[] }> {
      await ensureActive()
      const schedule: Schedule = { startAt: now().toISOString(), ...request.schedule }
      times.validateSchedule(schedule, now())
      const settings = settingsOf(defaultSettings, request.settings)
      const created: Job[] = []
      const refused: Refused[] = []
      for (const serverId of request.serverIds) {
        try {
          created.push(await createOne(serverId, schedule, settings))
        } catch (thrown) {
          const error = toApplianceError(thrown)
          if (error.code === 'INTERNAL') throw error
          refused.push({ serverId, code: error.code, message: error.message, hint: error.hint })
        }
      }
      return { created, refused }
    },

    /** Changes a job. One that is resumed goes on at its next time, and starts counting failures anew. */
    async change(id: string, change: JobChange): Promise<Job> {
      const job = await get(id)
      const settings = settingsOf(job.settings, change.settings)
      const resumed = job.state === 'paused' && change.state === 'active'
      const fresh = resumed ? { failuresInARow: 0, pausedBecause: undefined } : {}
      const state = change.state ?? (change.schedule ? 'active' : job.state)
      if (change.schedule) {
        const schedule = scheduleOf(job.schedule, change.schedule)
        return await jobs.update(id, { ...fresh, settings, state, schedule, nextRunAt: nextOf(job, schedule, change) })
      }
      if (!resumed) return await jobs.update(id, { settings, state })
      const nextRunAt = times.resumedRun(job, now())?.toISOString()
      return await jobs.update(id, { ...fresh, settings, state, nextRunAt })
    },

    /** Cancels the job's run, waits for its end, and forgets the job. History stays, and so do images unless they are to go. */
    async remove(id: string, { images = false }: { images?: boolean } = {}): Promise<void> {
      const job = await get(id)
      await ensureActive()
      await jobs.update(id, { state: 'ended', nextRunAt: undefined })
      await runner.cancelJob(id)
      if (images) await removeImages(job)
      await jobs.delete(id)
    },

    async start(id: string): Promise<Run> {
      const job = await get(id)
      await ensureActive()
      return await runner.start(job, 'manual')
    },
  }
}

function scheduleOf(base: Schedule, { everyHours, ...change }: NonNullable<JobChange['schedule']>): Schedule {
  const { everyHours: hoursBefore, ...kept } = base
  const hours = everyHours === undefined ? hoursBefore : everyHours
  return { ...kept, ...change, ...(hours == null ? {} : { everyHours: hours }) }
}

function assertAdmissible(server: Server, settings: JobSettings, assess: Assess): void {
  const refusals = assess(server, settings.imageMethod).filter(finding => finding.severity === 'refusal')
  if (refusals.length > 0) throw refusal(server, refusals)
}

function unknownServer(serverId: ServerId): ApplianceError {
  return new ApplianceError('NOT_FOUND', `The catalog has no server ${serverId}`, { hint: 'Import the catalog again.' })
}
