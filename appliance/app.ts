// The composition root: the only place that wires stores, connections, catalog, replication, schedule and API together.
import { AsyncLocalStorage } from 'node:async_hooks'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import packageJson from '../package.json' with { type: 'json' }
import { EventHub } from './api/events.ts'
import type { Routes } from './api/routes.ts'
import { createApi } from './api/server.ts'
import { createPartBuffers } from './aws/part-buffers.ts'
import { assess } from './catalog/assess.ts'
import { CatalogImport } from './catalog/import-catalog.ts'
import type { Config } from './config.ts'
import { createVmdkDigestPool } from './disk/vmdk-digest.ts'
import type { Job, Run } from './domain.ts'
import { ApplianceError } from './errors.ts'
import { createPrivateFile, readPrivateFile } from './private-file.ts'
import type { RunContext } from './replication/context.ts'
import { jobService } from './replication/jobs.ts'
import type { RunJournal } from './replication/journal.ts'
import { recoverRuns } from './replication/recover.ts'
import { RunRates } from './replication/run-view.ts'
import { Runner } from './replication/runner.ts'
import { connectorSlots } from './replication/slots.ts'
import { nextRun, validateSchedule } from './schedule/next-run.ts'
import { Scheduler } from './schedule/scheduler.ts'
import { Connections } from './setup/connections.ts'
import { healthService } from './setup/health.ts'
import { ensureConnector } from './setup/registration.ts'
import { settingsService } from './setup/settings.ts'
import { openStore, type Store } from './store/store.ts'
import { retrieveServers } from './vsphere/inventory.ts'
import { ensureWebCertificate } from './web-certificate.ts'

const version = packageJson.version

export interface App {
  api: Routes
  /** The API's token, for whoever may read the data directory. */
  token: string
  /** PEM of the certificate that the API is served with. */
  certificatePem: string
  /** Cleans up after runs that the last stop interrupted, then starts what is due. */
  start(): void
  /** Interrupts what goes on, waits until it has cleaned up, and releases the data directory. */
  stop(): Promise<void>
}

/** Builds the appliance on a data directory. Nothing listens and nothing runs yet. */
export async function createApp(config: Config, log: Logger): Promise<App> {
  const store = await openStore(config.dataDir)
  try {
    return await composeApp(config, log, store)
  } catch (thrown) {
    store.close()
    throw thrown
  }
}

async function composeApp(config: Config, log: Logger, store: Store): Promise<App> {
  const token = await ensureToken(join(config.dataDir, 'api-token'))
  const certificate = await ensureWebCertificate(config.dataDir)
  await ensureConnector(store.settings)

  const hub = new EventHub()
  const rates = new RunRates()
  // A retry is counted where it happened: in the run under whose story the request was sent.
  const retriesOf = new AsyncLocalStorage<RunJournal>()
  const connections = new Connections(store.settings, store.secrets, cause => retriesOf.getStore()?.retried(cause))
  const digests = createVmdkDigestPool()
  const buffers = createPartBuffers()
  const slots = connectorSlots()
  const onError = (err: unknown) => log.error({ err }, 'background work failed')

  const contextFor = async (job: Job, journal: RunJournal): Promise<RunContext> => {
    const connector = await ensureConnector(store.settings)
    const { id: connectorId, bucket, awsAccountId: accountId, vcenterInstanceUuid } = connector
    const aws = await store.settings.getAws()
    if (!bucket || !accountId || !aws || !vcenterInstanceUuid) {
      throw new ApplianceError('NOT_CONFIGURED', 'The connector is not registered', { hint: 'Register it first.' })
    }
    const { id: runId, serverId, serverName } = journal.run
    return {
      job,
      journal,
      log: log.child({ jobId: job.id, runId, server: serverName }),
      vcenter: await connections.vcenter(),
      aws: await connections.aws(),
      serverMoref: (await store.servers.get(job.serverId))?.moref,
      accountId,
      bucket,
      importRoleName: aws.importRoleName,
      ownership: { connectorId, jobId: job.id, runId, serverId, serverName },
      assess,
      digests,
      buffers,
      slots,
      manifestDirectory: join(config.dataDir, 'manifests'),
      pollMs: config.pollMs,
    }
  }

  const listener = (run: Run) => {
    rates.observe(run)
    hub.publish({ kind: 'run', subject: run.id, data: rates.view(run) })
  }
  const runner = new Runner({
    runs: store.runs,
    slots,
    contextFor,
    around: (journal, execute) => connections.during(() => retriesOf.run(journal, execute)),
    listener,
    onError,
  })
  const jobs = jobService({ jobs: store.jobs, servers: store.servers, runner, assess, validateSchedule, nextRun, now })
  const scheduler = new Scheduler({
    jobs: {
      due: at => store.jobs.due(at),
      reschedule: async (job, next) => {
        await store.jobs.update(job.id, { nextRunAt: next?.toISOString() })
      },
    },
    start: job => startScheduled(runner, job, log),
    now,
    onError,
    tickMs: config.scheduleMs,
  })
  const catalogImport = new CatalogImport(
    store.servers,
    signal => serverPages(connections, signal),
    state => hub.publish({ kind: 'catalog', subject: 'catalog', data: state }),
  )
  const api = await createApi({
    tls: certificate,
    token,
    version,
    log,
    hub,
    settings: settingsService({
      settings: store.settings,
      connections,
      version,
      busy: async () => (await store.runs.active()).length > 0,
    }),
    catalog: catalogService(store, catalogImport),
    jobs,
    runs: runService(store, runner, rates),
    health: healthService(store, connections),
  })

  const stopping = new AbortController()
  let recovery: Promise<void> = Promise.resolve()
  const executes = (runId: string) => runner.executes(runId)
  const recover = () =>
    connections
      .during(() =>
        recoverRuns({ runs: store.runs, jobs: store.jobs, contextFor, executes, listener, log }, stopping.signal),
      )
      .catch(onError)
  /** What cannot be taken back now, because vCenter or AWS is away, can be later. */
  const recoverAgain = async () => {
    for (;;) {
      await delay(recoverEveryLooks * config.scheduleMs, undefined, { signal: stopping.signal })
      await recover()
    }
  }
  const stop = async () => {
    stopping.abort()
    await api.close()
    await recovery
    await scheduler.stop()
    await Promise.all([runner.stop(), catalogImport.stop()])
    await digests.close()
    await connections.close()
    store.close()
  }
  let stopped: Promise<void> | undefined
  return {
    api,
    token,
    certificatePem: certificate.cert,
    start() {
      recovery = recover().then(async () => {
        if (stopping.signal.aborted) return
        scheduler.start()
        await recoverAgain().catch(ignoreStop)
      })
    },
    stop() {
      stopped ??= stop()
      return stopped
    },
  }
}

/** At the scheduler's 30 s: every minute. */
const recoverEveryLooks = 2

/** The wait for the next recovery ends with the appliance. */
function ignoreStop(thrown: unknown): void {
  if (!(thrown instanceof Error && thrown.name === 'AbortError')) throw thrown
}

function now(): Date {
  return new Date()
}

async function* serverPages(connections: Connections, signal: AbortSignal) {
  yield* retrieveServers(await connections.vcenter(), { signal })
}

/** A run that would overlap the last one is skipped to the next interval. */
async function startScheduled(runner: Runner, job: Job, log: Logger): Promise<boolean> {
  if (runner.isActive(job.id)) {
    log.warn({ jobId: job.id, server: job.serverName }, 'run skipped: the last one still goes on')
    return false
  }
  await runner.start(job)
  return true
}

function catalogService(store: Store, catalogImport: CatalogImport) {
  return {
    state: () => catalogImport.state(),
    import: () => void catalogImport.run(),
    list: (query: { after?: string; limit: number; search?: string }) => store.servers.list(query),
    count: () => store.servers.count(),
    async get(id: string) {
      const server = await store.servers.get(id)
      if (server) return server
      throw new ApplianceError('NOT_FOUND', `The catalog has no server ${id}`, { hint: 'Import the catalog again.' })
    },
    assess,
  }
}

function runService(store: Store, runner: Runner, rates: RunRates) {
  return {
    async list(query: { jobId?: string; after?: string; limit: number }) {
      const { items, next } = await store.runs.list(query)
      return { items: items.map(run => rates.view(run)), ...(next === undefined ? {} : { next }) }
    },
    async get(id: string) {
      const run = await store.runs.get(id)
      if (run) return rates.view(run)
      throw new ApplianceError('NOT_FOUND', `There is no run ${id}`, { hint: 'List the runs to see which there are.' })
    },
    cancel: (id: string) => runner.cancel(id),
  }
}

/** Shorter ones could be guessed; an emptied file would be one. */
const tokenMinLength = 32

/** The token is made at the first start and stays; whoever may read the file may use the API. */
async function ensureToken(path: string): Promise<string> {
  const content =
    (await readPrivateFile(path)) ?? (await createPrivateFile(path, Buffer.from(randomBytes(32).toString('base64url'))))
  const token = content.toString('utf8').trim()
  if (token.length >= tokenMinLength) return token
  throw new ApplianceError('PRIVATE_FILE_UNSAFE', `The file ${path} holds no token of ${tokenMinLength} characters`, {
    hint: 'Move it away and start again: a new one is made.',
  })
}
