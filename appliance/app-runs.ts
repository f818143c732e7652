// Jobs and their runs, wired for the composition root: what starts them, what each works with, what its end means, and when they
// may act.
import { AsyncLocalStorage } from 'node:async_hooks'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { EventHub } from './api/events.ts'
import { createPartBuffers } from './aws/part-buffers.ts'
import { assess } from './catalog/assess.ts'
import { createThrottle } from './disk/throttle.ts'
import { createVmdkDigestPool } from './disk/vmdk-digest.ts'
import type { Job, Policy, ReadOnlyReason, Run } from './domain.ts'
import { ApplianceError } from './errors.ts'
import type { Metrics } from './metrics/metrics.ts'
import type { ThroughputHistory } from './metrics/throughput.ts'
import { type AfterRun, applyRetention, countForgotten, countRun, removeImagesOf } from './replication/after-run.ts'
import type { RunContext } from './replication/context.ts'
import { jobService } from './replication/jobs.ts'
import type { RunJournal } from './replication/journal.ts'
import { recordMissed, startPlanned } from './replication/planned-runs.ts'
import { abandonRuns, resumeRuns } from './replication/recover.ts'
import type { RunRates } from './replication/run-view.ts'
import { Runner, type RunnerOptions } from './replication/runner.ts'
import { runService } from './replication/runs.ts'
import type { Slots } from './replication/slots.ts'
import { firstRun, nextRun, resumedRun, validateSchedule } from './schedule/next-run.ts'
import { blackoutAt, rateAt, transferRate, validateBandwidth } from './schedule/policy.ts'
import { Scheduler } from './schedule/scheduler.ts'
import type { Connections } from './setup/connections.ts'
import { type ConnectorLease, notYetRead, readOnly, type Standing } from './setup/connector-lease.ts'
import { ensureConnector } from './setup/registration.ts'
import { everyJob } from './store/jobs.ts'
import type { Store } from './store/store.ts'
import { watchDatastores } from './vsphere/datastore-watch.ts'

/** A planned run that is later than this was missed: long enough for a restart or an upgrade, milliseconds. */
const missedAfterMs = 15 * 60_000

export interface RunParts {
  /** Times in milliseconds, as in the environment: README. */
  config: Pick<RunContext, 'pollMs' | 'resumeMs' | 'stallMs' | 'watchMs'> & { dataDir: string; scheduleMs: number }
  store: Store
  connections: Connections
  policy: () => Policy
  lease: Pick<ConnectorLease, 'standing' | 'advance' | 'confirm' | 'assertActive' | 'ensureActive'>
  slots: Slots
  notifications: {
    start(): void
    runEnded: AfterRun['told']
    readOnly(reason: ReadOnlyReason): Promise<void>
    credentialsExpired(): Promise<void>
  }
  hub: EventHub
  rates: RunRates
  throughput: ThroughputHistory
  metrics: Pick<Metrics, 'observe' | 'ended'>
  now: () => Date
  log: Logger
  /** Told of what fails where nobody waits for it. */
  onError: (error: unknown) => void
}

export function composeRuns(parts: RunParts) {
  const { config, store, connections, policy, lease, slots, notifications } = parts
  const { hub, rates, throughput, metrics, now, log, onError } = parts
  // A retry is counted where it happened: in the run under whose story the request was sent.
  const retriesOf = new AsyncLocalStorage<RunJournal>()
  const digests = createVmdkDigestPool()
  const buffers = createPartBuffers()
  const manifestDirectory = join(config.dataDir, 'manifests')
  const throttle = createThrottle(() => transferRate(policy(), now()))
  const recovery = { runs: store.runs, jobs: store.jobs, log }

  const contextFor: RunnerOptions['contextFor'] = async (job, journal, { priority, stopping: halted }) => {
    // A run that is being taken back needs no AWS to let go of its VM snapshot.
    await lease.advance().catch(error => {
      if (!journal.run.failure) throw error
      lease.assertActive()
    })
    const {
      id: connectorId,
      bucket,
      awsAccountId: accountId,
      vcenterInstanceUuid,
    } = await ensureConnector(store.settings)
    const aws = await store.settings.getAws()
    if (!bucket || !accountId || !aws || !vcenterInstanceUuid) {
      throw new ApplianceError('NOT_CONFIGURED', 'The connector is not registered', { hint: 'Register it first.' })
    }
    const { id: runId, serverId } = journal.run
    const { bandwidth } = job.settings
    const ownRate = () => rateAt(bandwidth, now(), job.schedule.timeZone ?? 'UTC')
    return {
      job,
      journal,
      log: log.child({ jobId: job.id, runId, server: journal.run.serverName }),
      vcenter: () => connections.vcenter(),
      aws: await connections.aws(),
      serverMoref: (await store.servers.get(job.serverId))?.moref,
      accountId,
      bucket,
      importRoleName: aws.importRoleName,
      // The name is that of the inspection, whatever the job or the catalog calls the server.
      get ownership() {
        return { connectorId, jobId: job.id, runId, serverId, serverName: journal.run.serverName }
      },
      assess,
      policy,
      throttle: bandwidth ? createThrottle(ownRate, { within: throttle }) : throttle,
      digests,
      buffers,
      slots,
      priority,
      stopping: halted,
      manifestDirectory,
      pollMs: config.pollMs,
      resumeMs: config.resumeMs,
      stallMs: config.stallMs,
      watchMs: config.watchMs,
    }
  }

  const listener = (run: Run) => {
    rates.observe(run)
    throughput.observe(run)
    metrics.observe(run)
    hub.publish({ kind: 'run', subject: run.id, data: rates.view(run) })
    if (run.setback?.failure.code === 'AWS_CREDENTIALS_EXPIRED') notifications.credentialsExpired().catch(onError)
  }
  const afterRun: AfterRun = {
    jobs: store.jobs,
    runs: {
      ...store.runs,
      // An image that is taken away is news of a run that ended long ago.
      async update(id, patch) {
        const run = await store.runs.update(id, patch)
        hub.publish({ kind: 'run', subject: id, data: rates.view(run) })
        return run
      },
    },
    aws: () => connections.aws(),
    connectorId: async () => (await ensureConnector(store.settings)).id,
    confirm: () => lease.confirm(),
    policy,
    told: notifications.runEnded,
    manifestDirectory,
    log,
  }
  const ended = async (run: Run) => {
    metrics.ended(run)
    await countRun(run, afterRun)
    // Not waited for: the job's next run may start meanwhile.
    void connections.during(() => applyRetention(run, afterRun)).catch(onError)
    void lease.advance().catch(onError)
  }
  const runner = new Runner({
    runs: store.runs,
    slots,
    contextFor,
    async mayStart(signal) {
      while (blackoutAt(policy(), now()).active) await delay(config.scheduleMs, undefined, { signal })
    },
    around: (journal, execute) => connections.during(() => retriesOf.run(journal, execute)),
    listener,
    ended,
    watch: (run, signal) =>
      watchDatastores(() => connections.vcenter(), {
        serverMoref: run.server?.moref ?? '',
        serverName: run.serverName,
        floor: policy().datastoreFloor,
        everyMs: config.watchMs,
        signal,
      }),
    log,
    resumeMs: config.resumeMs,
  })
  const goOn = async () => {
    if (mayAct(lease.standing)) await resumeRuns(recovery, runner).catch(onError)
  }
  const jobs = jobService({
    jobs: store.jobs,
    servers: store.servers,
    runner,
    assess,
    removeImages: job => removeImagesOf(job, afterRun),
    times: { validateSchedule, validateBandwidth, firstRun, nextRun, resumedRun },
    ensureActive: () => lease.ensureActive(),
    now,
  })
  const planned = async (at: Date) => ({ at, generation: (await ensureConnector(store.settings)).generation })
  const noteMissed = async (job: Job, plannedAt: Date, code: 'RUN_MISSED' | 'RUN_IN_PROGRESS') => {
    const run = await recordMissed(store.runs, job, await planned(plannedAt), code)
    log.warn({ jobId: job.id, server: job.serverName, plannedAt, code }, 'planned run missed')
    if (run) metrics.ended(run)
  }
  const scheduler = new Scheduler({
    jobs: {
      due: async at => (mayAct(lease.standing) ? await store.jobs.due(at) : []),
      active: () => activeJobs(store),
      reschedule: async (job, plan) => {
        const present = await store.jobs.get(job.id)
        if (present?.nextRunAt === job.nextRunAt) await store.jobs.update(job.id, plan)
      },
    },
    policy,
    async start(job, plannedAt) {
      // Read again: while others were started, a user may have paused or changed it.
      const present = await store.jobs.get(job.id)
      if (present?.state !== 'active' || present.nextRunAt !== job.nextRunAt) return true
      return await startPlanned(runner, store.runs, present, await planned(plannedAt))
    },
    missed: (job, plannedAt) => noteMissed(job, plannedAt, 'RUN_MISSED'),
    skipped: (job, plannedAt) => noteMissed(job, plannedAt, 'RUN_IN_PROGRESS'),
    now,
    onError,
    tickMs: config.scheduleMs,
    toleranceMs: missedAfterMs,
  })
  return {
    jobs,
    runs: runService({ runs: store.runs, runner, rates }),
    /** Counts a retry, wherever it is, for the run on whose behalf it happens; outside of runs it does nothing. */
    countRetry(cause: string): void {
      retriesOf.getStore()?.retried(cause)
    },
    /** Ends the runs of a database that is not the present. */
    abandon: () => abandonRuns(recovery, listener),
    goOn,
    /** Runs go on once it is known that this machine may act, and stop where they are when it may not any more. */
    async follow(standing: Standing): Promise<void> {
      log.info({ standing: standing.state }, 'standing of the connector')
      if (!mayAct(standing)) {
        // Not awaited: a run that is being let go may itself be waiting for the lease.
        runner.halt(standing.state === 'readOnly' ? readOnly(standing.reason) : notYetRead()).catch(onError)
        if (standing.state === 'readOnly') await notifications.readOnly(standing.reason).catch(onError)
        return
      }
      notifications.start()
      runner.release()
      await goOn()
    },
    /** Starts what is due, and counts the runs that ended while nobody could. */
    async start(): Promise<void> {
      scheduler.start()
      await countForgotten({ runs: store.runs, afterRun, jobs: everyJob(store.jobs) }).catch(onError)
    },
    /** Lets go of the runs, so that the next start goes on with them. */
    async stop(): Promise<void> {
      await Promise.all([runner.halt(), scheduler.stop()])
      await digests.close()
    },
  }
}

/** Whether this machine may start and remove things. */
function mayAct({ state }: Standing): boolean {
  return state === 'active' || state === 'unregistered'
}

async function* activeJobs(store: Store) {
  for await (const job of everyJob(store.jobs)) if (job.state === 'active') yield job
}
