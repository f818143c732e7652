// The composition root: the only place that wires stores, connections, catalog, runs, support and API together.
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import packageJson from '../package.json' with { type: 'json' }
import { accessService } from './accounts/access-service.ts'
import { EventHub } from './api/events.ts'
import type { Routes } from './api/routes.ts'
import { createApi } from './api/server.ts'
import { composeBackups } from './app-backups.ts'
import { composeMachine } from './app-machine.ts'
import { metricReaders } from './app-metrics.ts'
import { composeNotifications } from './app-notifications.ts'
import { composeRuns } from './app-runs.ts'
import { composeSupport } from './app-support.ts'
import { composeUpgrade } from './app-upgrade.ts'
import { CatalogImport } from './catalog/import-catalog.ts'
import { catalogService } from './catalog/servers.ts'
import type { Config } from './config.ts'
import type { Policy } from './domain.ts'
import { readTimeSync } from './health/time-sync.ts'
import { machineId } from './machine-id.ts'
import { createMetrics } from './metrics/metrics.ts'
import { ThroughputHistory, throughputSampleMs } from './metrics/throughput.ts'
import { ensureToken } from './private-file.ts'
import { leftoverService } from './replication/leftover-service.ts'
import { RunRates } from './replication/run-view.ts'
import { connectorSlots } from './replication/slots.ts'
import { type JobWatcher, watchedJobs } from './replication/watched-jobs.ts'
import { PolicyHolder } from './schedule/policy.ts'
import { renewalMs, servedCertificate } from './served-certificate.ts'
import { ClockGate } from './setup/clock-gate.ts'
import { Connections } from './setup/connections.ts'
import { connectorService } from './setup/connector.ts'
import { ConnectorLease } from './setup/connector-lease.ts'
import { connectorLister } from './setup/connector-list.ts'
import { takeOverDeployment } from './setup/deployment.ts'
import { ensureConnector } from './setup/registration.ts'
import { settingsService } from './setup/settings.ts'
import { listBackups } from './store/backup.ts'
import { DailyBackups } from './store/daily-backups.ts'
import { openStore, type Store } from './store/store.ts'
import { retrieveServers } from './vsphere/inventory.ts'
import { ensureWebCertificate } from './web-certificate.ts'

const version = packageJson.version

/** What is under way may take this long to let go before it is cut off, milliseconds: below what service managers wait. */
const drainMs = 8_000

export interface App {
  api: Routes
  /** The API's token, for whoever may read the data directory. */
  token: string
  /** PEM of the certificate that the API is served with. */
  certificatePem: string
  /** For the console; undefined once there is an administrator. */
  setupCode(): Promise<string | undefined>
  /** Goes on with the runs that the last stop or crash cut off, then starts what is due. */
  start(): void
  /** Resolves when an imported backup is to take the database's place: the appliance is to be stopped, and made anew. */
  replaced: Promise<void>
  /** Lets go of what goes on, so that the next start goes on with it, and releases the data directory. */
  stop(): Promise<void>
}

/** Builds the appliance on a data directory. Nothing listens and nothing runs yet. */
export async function createApp(config: Config, log: Logger): Promise<App> {
  const store = await openStore(config.dataDir, config.secretsKey)
  try {
    return await composeApp(config, log, store)
  } catch (thrown) {
    store.close()
    throw thrown
  }
}

async function composeApp(config: Config, log: Logger, opened: Store): Promise<App> {
  const hub = new EventHub()
  const jobWatcher: JobWatcher = {
    changed: job => hub.publish({ kind: 'job', subject: job.id, data: job }),
    deleted: id => hub.publish({ kind: 'job', subject: id, data: { id, deleted: true } }),
  }
  const store: Store = { ...opened, jobs: watchedJobs(opened.jobs, jobWatcher) }
  const token = await ensureToken(join(config.dataDir, 'api-token'))
  const metricsToken = await ensureToken(join(config.dataDir, 'metrics-token'))
  const tls = await ensureWebCertificate(config.dataDir)
  const certificate = servedCertificate({ dataDir: config.dataDir, certificate: tls, now, log })
  const thisMachineId = await machineId(config.machineId)
  await ensureConnector(store.settings)
  const policies = new PolicyHolder(await store.settings.getPolicy())

  const access = accessService(store, { now })
  await takeOverDeployment({
    dataDir: config.dataDir,
    claimed: () => store.accounts.hasAdministrator(),
    adoptSetupCode: code => access.setupCode.adopt(code),
    settings: store.settings,
    say: text => log.warn(text),
  })
  const rates = new RunRates()
  const throughput = new ThroughputHistory(now)
  const clock = new ClockGate({
    isSynchronized: async signal => (await readTimeSync(signal))?.synchronized,
    now,
    onSkew: skewMs => support.noteSkew(skewMs),
  })
  const connections = new Connections(store.settings, store.secrets, cause => running.countRetry(cause), clock)
  const slots = connectorSlots()
  const stopping = new AbortController()
  const onError = (err: unknown) => log.error({ err }, 'background work failed')

  const lease = new ConnectorLease({
    settings: store.settings,
    aws: () => connections.aws(),
    machineId: thisMachineId,
    onChange: standing => running.follow(standing),
    abandonRuns: () => running.abandon(),
  })
  const policy = () => policies.policy
  const notifications = composeNotifications({
    store,
    connections,
    policy,
    webCertificatePem: certificate.pem,
    now,
    log,
  })
  const readers = metricReaders({ dataDir: config.dataDir, store, slots, lease })
  const metrics = createMetrics({ version, readers, now, onError })

  const running = composeRuns({
    ...{ config, store, connections, policy, lease, slots, notifications },
    ...{ hub, rates, throughput, metrics, now, log, onError },
  })
  const catalogImport = new CatalogImport(
    store.servers,
    signal => serverPages(connections, signal),
    state => hub.publish({ kind: 'catalog', subject: 'catalog', data: state }),
  )
  const leftovers = leftoverService({
    runs: store.runs,
    jobs: store.jobs,
    sides: async () => {
      const { id: connectorId, bucket, awsAccountId: accountId } = await ensureConnector(store.settings)
      if (!bucket || !accountId) return undefined
      return { connectorId, bucket, accountId, vcenter: await connections.vcenter(), aws: await connections.aws() }
    },
    confirm: () => lease.confirm(),
    onError,
    log,
  })
  const backups = new DailyBackups({
    take: signal => store.backup({ signal }),
    list: () => listBackups(config.dataDir),
    now,
    onError,
  })
  const upgrade = composeUpgrade({
    ...{ config, version, store, connections, policy, hub, now, log },
    told: notifications.upgradeFailed,
  })
  const carried = composeBackups({
    ...{ dataDir: config.dataDir, secretsKey: config.secretsKey },
    ...{ version, store, now, log },
  })
  const support = composeSupport({
    moreChecks: [upgrade.check],
    ...{ dataDir: config.dataDir, version, startedAt: now(), healthMs: config.healthMs },
    ...{ store, connections, lease, policy, hub, rates, metrics, certificate, now, log },
    leftovers: signal => leftovers.list(signal),
  })
  const machine = composeMachine({
    socket: config.machineSocket,
    store,
    changed: () => support.askAgain(['network']),
    log,
  })
  const settings = settingsService({
    settings: store.settings,
    connections,
    version,
    busy: async () => (await store.runs.active()).length > 0,
    registered: () => lease.renew(),
    ensureActive: () => lease.ensureActive(),
    proxy: support.proxy,
  })
  const api = await createApi({
    tls,
    // Built by `npm run build`, which `npm start` does when it is needed.
    page: { directory: join(import.meta.dirname, '..', 'webui', 'dist') },
    token,
    metricsToken,
    version,
    log,
    hub,
    access,
    metrics,
    throughput,
    settings: {
      ...settings,
      async changeVcenter(body) {
        const view = await settings.changeVcenter(body)
        support.askAgain(['network', 'vcenter'])
        return view
      },
      async changeAws(entered, secret) {
        const view = await settings.changeAws(entered, secret)
        support.askAgain(['network', 'aws'])
        await machine.tellProxy()
        return view
      },
    },
    ...support.services,
    health: {
      ...support.services.health,
      // Whoever waits for an imported backup must not take the appliance of before for the one after it.
      ready: async () => !carried.closing() && (await support.services.health.ready()),
    },
    system: {
      ...support.services.system,
      async changeProxy(body) {
        const answer = await support.services.system.changeProxy(body)
        await machine.tellProxy()
        return answer
      },
    },
    machine: machine.service,
    aws: { ...support.services.aws, createBucket: settings.createBucket },
    catalog: catalogService(store.servers, catalogImport),
    jobs: running.jobs,
    runs: running.runs,
    policy: policyService(store, policies),
    connector: {
      ...connectorService(store.settings, lease, thisMachineId),
      list: connectorLister(store.settings, connections),
    },
    leftovers,
    backups: carried.service,
    notifications: notifications.service,
    upgrade: upgrade.service,
  })
  certificate.serveBy(api.server)

  const letGo = async () => {
    await Promise.all([
      running.stop(),
      api.close(),
      catalogImport.stop(),
      backups.stop(),
      notifications.stop(),
      support.stop(),
      upgrade.stop(),
    ])
    await connections.close()
  }
  const stop = async () => {
    stopping.abort()
    // What cannot let go in time is cut off: every step of a run is written before it is taken, and is found again.
    await Promise.race([letGo(), delay(drainMs, undefined, { ref: false })])
    metrics.close()
    store.close()
  }
  let stopped: Promise<void> | undefined
  return {
    api,
    token,
    certificatePem: tls.cert,
    setupCode: () => access.ensureSetupCode(),
    replaced: carried.replaced,
    start() {
      carried.tidy().catch(onError)
      const background = (everyMs: number, work: () => Promise<unknown>) =>
        void repeatedly(everyMs, work, { signal: stopping.signal, onError })
      background(throughputSampleMs, async () => throughput.sample())
      background(renewalMs, () => certificate.renew())
      machine.start().catch(onError)
      // Without AWS too: it may be what an upgrade mends.
      upgrade.start().catch(onError)
      void lease.renew().then(async () => {
        if (stopping.signal.aborted) return
        backups.start()
        support.start()
        await running.start()
        // What could not be gone on with the last time (its job could not be read) is tried again.
        background(config.leaseMs, () => lease.renew().then(running.goOn))
        // Until the lease was read nothing goes on: it is asked for as often as jobs are looked for.
        background(config.scheduleMs, async () => lease.standing.state === 'unknown' && (await lease.renew()))
        background(
          config.reapMs,
          async () => lease.standing.state === 'active' && (await leftovers.reap(stopping.signal)),
        )
      })
    },
    stop() {
      stopped ??= stop()
      return stopped
    },
  }
}

/** The policy as administrators change it: in force at once, and stored. */
function policyService({ settings }: Store, policies: PolicyHolder) {
  return {
    get: async () => policies.policy,
    async set(policy: Policy) {
      policies.replace(policy)
      await settings.setPolicy(policy)
      return policy
    },
  }
}

/** Does work now and then until the signal; what fails is told, and done again at the next turn. */
async function repeatedly(
  everyMs: number,
  work: () => Promise<unknown>,
  { signal, onError }: { signal: AbortSignal; onError: (error: unknown) => void },
): Promise<void> {
  while (!signal.aborted) {
    await delay(everyMs, undefined, { signal, ref: false }).catch(() => undefined)
    if (!signal.aborted) await work().catch(onError)
  }
}

function now(): Date {
  return new Date()
}

async function* serverPages(connections: Connections, signal: AbortSignal) {
  yield* retrieveServers(await connections.vcenter(), { signal })
}
