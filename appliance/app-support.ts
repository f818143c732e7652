// Health, system, the wizard's view of AWS and support, wired for the composition root.
import { stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import type { Logger } from 'pino'
import type { EventHub } from './api/events.ts'
import { putLogBundle } from './aws/log-objects.ts'
import { logsPrefix } from './aws/permissions.ts'
import type { Policy } from './domain.ts'
import { applianceChecks } from './health/appliance-checks.ts'
import { awsChecks } from './health/aws-checks.ts'
import type { Check } from './health/check.ts'
import { Health } from './health/health.ts'
import { readNetworkState } from './health/network-state.ts'
import { recoveryWatch } from './health/recovery.ts'
import { readTimeSync } from './health/time-sync.ts'
import { vcenterChecks } from './health/vcenter-checks.ts'
import { logDirectory, logFiles } from './log-file.ts'
import type { Metrics } from './metrics/metrics.ts'
import type { RunRates } from './replication/run-view.ts'
import type { ServedCertificate } from './served-certificate.ts'
import { awsSetupService } from './setup/aws-setup.ts'
import type { Connections } from './setup/connections.ts'
import type { ConnectorLease } from './setup/connector-lease.ts'
import { proxyService } from './setup/proxy.ts'
import { ensureConnector } from './setup/registration.ts'
import { listBackups } from './store/backup.ts'
import { everyJob } from './store/jobs.ts'
import type { Store } from './store/store.ts'
import { createBundle } from './support/bundle.ts'
import { knownNames } from './support/known-names.ts'
import { recentLines } from './support/log-lines.ts'
import { LogUpload } from './support/log-upload.ts'
import { reportText } from './support/report.ts'
import { settingsDocument } from './support/settings-document.ts'

export interface SupportParts {
  dataDir: string
  version: string
  startedAt: Date
  /** Between two rounds of checks, milliseconds; 0 leaves them to whoever asks. */
  healthMs: number
  store: Store
  connections: Connections
  lease: ConnectorLease
  policy: () => Policy
  hub: EventHub
  rates: RunRates
  metrics: Metrics
  certificate: ServedCertificate
  leftovers(signal: AbortSignal): Promise<{ verdict: string }[]>
  /** Of other parts of the appliance. */
  moreChecks: readonly Check[]
  now: () => Date
  log: Logger
}

/** Failures of runs that a report names. */
const reportedFailures = 5
const bundledRuns = 200

export function composeSupport(parts: SupportParts) {
  const { dataDir, version, startedAt, store, connections, lease, policy, hub, certificate, now, log } = parts
  const topicArns = async () =>
    (await store.channels.list()).flatMap(({ target }) => (target.kind === 'sns' ? [target.topicArn] : []))
  const { settings, secrets } = store
  const proxy = proxyService({ settings, secrets, connections })
  const aws = awsSetupService({ settings, connections, topicArns })
  let awsSkewMs: number | undefined
  const noteSkew = (skewMs: number) => {
    awsSkewMs = skewMs
  }

  const health = new Health({
    checks: [
      ...vcenterChecks({
        settings: () => settings.getVcenter(),
        session: () => connections.vcenter(),
        connectorId: async () => (await ensureConnector(settings)).id,
        serversWithJobs: () => serversWithJobs(store),
        snapshotAgeHours: () => policy().snapshotAgeHours,
        now,
      }),
      ...awsChecks({
        clients: () => connections.awsAtAnyTime(),
        connector: () => ensureConnector(settings),
        topicArns,
        now,
        onSkew: noteSkew,
      }),
      ...applianceChecks({
        ...{ dataDir, version, startedAt, now },
        readStore: () => settings.getConnector(),
        lastBackupAt: async () => (await listBackups(dataDir))[0]?.takenAt,
        leftovers: parts.leftovers,
        assertActive: () => lease.assertActive(),
        registered: () => lease.standing.state === 'active',
        webCertificate: certificate.state,
        timeSync: readTimeSync,
      }),
      ...parts.moreChecks,
    ],
    publish: result => hub.publish({ kind: 'health', subject: result.id, data: result }),
    now,
    onError: err => log.warn({ err }, 'a check failed'),
    everyMs: parts.healthMs,
  })
  const recovered = recoveryWatch()
  const forget = hub.follow(event => {
    const groups = recovered(event)
    if (groups.length > 0) health.askAgain(groups)
  })
  // Whoever lost the connection may have been cut off together with the appliance.
  hub.onReturn(() => health.askAgain(['network', 'vcenter', 'aws', 'appliance']))

  const bundle = (query: { from?: Date; to?: Date; obfuscate?: boolean }) =>
    createBundle(
      {
        logFiles: () => logFiles(logDirectory(dataDir)),
        documents: {
          versions: async () => ({ version, node: process.versions, platform: platform(), startedAt }),
          settings: async () =>
            settingsDocument({
              vcenter: await settings.getVcenter(),
              aws: await settings.getAws(),
              proxy: await settings.getProxy(),
              connector: await settings.getConnector(),
              policy: policy(),
              channels: await store.channels.list(),
              logUpload: (await settings.getLogUpload())?.enabled ?? false,
            }),
          health: async () => health.view(),
          runs: async () => (await store.runs.list({ limit: bundledRuns })).items.map(run => parts.rates.view(run)),
          database: signal => databaseDocument(store, dataDir, signal),
          network: async signal => ({ ...(await readNetworkState()), time: await readTimeSync(signal) }),
        },
        texts: { 'metrics.txt': () => parts.metrics.text(), 'report.txt': () => report() },
        names: () => knownNames({ store, hostname: hostname() }),
        now,
      },
      query,
    )

  async function report(): Promise<string> {
    const vcenter = await settings.getVcenter()
    const failed = await store.runs.list({ state: 'failed', limit: reportedFailures })
    return reportText({
      ...{ version, node: process.versions.node, platform: platform() },
      startedAt: startedAt.toISOString(),
      now: now().toISOString(),
      // Its version is in the check of the login; a report must not wait for a vCenter that is away.
      vcenter: vcenter && 'set up',
      region: (await settings.getAws())?.region,
      registered: lease.standing.state === 'active',
      servers: await store.servers.count(),
      jobs: (await Array.fromAsync(everyJob(store.jobs))).length,
      checks: health.view().checks,
      failures: failed.items.map(({ endedAt, failure }) => ({
        ...(endedAt === undefined ? {} : { endedAt }),
        code: failure?.code ?? 'INTERNAL',
        stage: failure?.stage ?? 'scheduled',
      })),
    })
  }

  const logUpload = new LogUpload({
    setting: { get: () => settings.getLogUpload(), set: given => settings.setLogUpload(given) },
    bundle,
    async put(fileName, body, signal) {
      const { id, bucket, awsAccountId: accountId } = await ensureConnector(settings)
      // A clone must not write into the place of the connector that it was.
      if (!bucket || !accountId || lease.standing.state !== 'active') return undefined
      const key = `${logsPrefix}${id}/${fileName}`
      await putLogBundle({ clients: await connections.aws(), bucket, accountId, key, body, signal })
      log.info({ key, bytes: body.length }, 'log bundle sent')
      return key
    },
    now,
    onError: err => log.warn({ err }, 'log bundle could not be sent'),
  })

  return {
    proxy,
    /** How far our clock was ahead of AWS's when somebody has looked. */
    noteSkew,
    services: {
      health: {
        view: () => health.view(),
        run: () => health.run(),
        async ready() {
          try {
            await settings.getConnector()
            return true
          } catch (err) {
            log.error({ err }, 'the store does not answer')
            return false
          }
        },
      },
      system: {
        async view(signal: AbortSignal) {
          const shown = await proxy.view()
          const sync = await readTimeSync(signal)
          return {
            ...(await readNetworkState()),
            ...{ version, startedAt: startedAt.toISOString() },
            ntp: sync ?? { servers: [] },
            ...(shown === undefined ? {} : { proxy: shown }),
            clock: { now: now().toISOString(), ...(awsSkewMs === undefined ? {} : { awsSkewMs }) },
          }
        },
        proxy: async () => answerOf(await proxy.view()),
        changeProxy: async (body: Parameters<typeof proxy.change>[0]) => answerOf(await proxy.change(body)),
      },
      aws,
      support: {
        async view() {
          const sizes = await Promise.all(logFiles(logDirectory(dataDir)).map(async path => (await stat(path)).size))
          return { logUpload: await logUpload.view(), logBytes: sizes.reduce((sum, size) => sum + size, 0) }
        },
        logs: (query: Parameters<typeof recentLines>[1]) => recentLines(logFiles(logDirectory(dataDir)), query),
        bundle,
        report,
        setLogUpload: (enabled: boolean) => logUpload.enable(enabled),
      },
      webCertificate: certificate.service,
    },
    start(): void {
      health.start()
      logUpload.start()
    },
    /** Settings of a side were accepted by it. */
    askAgain: (groups: Parameters<typeof health.askAgain>[0]) => health.askAgain(groups),
    stop: async () => {
      forget()
      await Promise.all([health.stop(), logUpload.stop()])
    },
  }
}

/** SQLite's own check, as it stands now. */
async function databaseDocument(store: Store, dataDir: string, signal: AbortSignal) {
  const findings = await store.check({ signal })
  return { ok: findings.length === 0, findings, backups: await listBackups(dataDir) }
}

async function* serversWithJobs({ jobs, servers }: Store): AsyncGenerator<string> {
  for await (const { serverId } of everyJob(jobs)) {
    const server = await servers.get(serverId)
    if (server) yield server.moref
  }
}

function platform(): string {
  return `${process.platform} ${process.arch}`
}

function answerOf<T>(proxy: T | undefined): { proxy?: T } {
  return proxy === undefined ? {} : { proxy }
}
