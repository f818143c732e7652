// What the appliance needs of itself: room, memory, a whole database with a fresh copy, its own certificate, its standing.
import { totalmem } from 'node:os'
import { type Check, type Finding, failed, notYet, success, warning } from './check.ts'
import { diskChecks } from './disk-checks.ts'
import { expiryFinding } from './expiry.ts'
import { restartCheck } from './restart-needed.ts'
import type { TimeSync } from './time-sync.ts'

export interface ApplianceCheckOptions {
  dataDir: string
  version: string
  startedAt: Date
  now(): Date
  /** Reads something small. */
  readStore(): Promise<unknown>
  /** A copy is checked as it is made: its age is that of the last whole check. */
  lastBackupAt(): Promise<string | undefined>
  leftovers(signal: AbortSignal): Promise<{ verdict: string }[]>
  /** @throws {ApplianceError} CONNECTOR_READ_ONLY; AWS's own error while the lease could not be read */
  assertActive(): void
  registered(): boolean
  webCertificate(): { validTo: Date; selfSigned: boolean }
  timeSync(signal: AbortSignal): Promise<TimeSync | undefined>
  /** The directory that the whole system lies in; / unless given. */
  root?: string
  /** Bytes of memory that may still be used; Node's own answer unless given. */
  availableMemory?: () => number
}

const mib = 2 ** 20
const memoryErrorBytes = 64 * mib
const memoryWarningBytes = 256 * mib
/** Taken once a day, and tried again within the hour. */
const backupWarningMs = 26 * 3_600_000
const backupErrorMs = 3 * 24 * 3_600_000
/** Milliseconds. What SigV4 and TLS bear is far more; logs of several machines are compared by less. */
const offsetWarningMs = 1_000
/** Reads the inventory and lists what AWS holds. */
const hourMs = 3_600_000
const leftoversTimeoutMs = 120_000

export function applianceChecks(options: ApplianceCheckOptions): Check[] {
  const { dataDir, version, startedAt, now, root = '/' } = options
  return [
    {
      ...{ id: 'network.ntp', group: 'network', title: 'Time synchronization (NTP)' },
      run: async signal => ntpFinding(await options.timeSync(signal)),
    },
    ...diskChecks({ dataDir, root }),
    {
      ...{ id: 'appliance.memory', group: 'appliance', title: 'Memory' },
      run: async () => memoryFinding((options.availableMemory ?? (() => process.availableMemory()))()),
    },
    {
      ...{ id: 'appliance.database', group: 'appliance', title: 'Database and its last whole check' },
      async run() {
        await options.readStore()
        const backupAt = await options.lastBackupAt()
        const checkedAt = backupAt === undefined ? startedAt : new Date(Math.max(Date.parse(backupAt), +startedAt))
        return success(`Checked page by page on ${checkedAt.toISOString()}.`)
      },
    },
    {
      ...{ id: 'appliance.backup', group: 'appliance', title: 'Daily backup' },
      run: async () => backupFinding(await options.lastBackupAt(), startedAt, now()),
    },
    {
      ...{ id: 'appliance.certificate', group: 'appliance', title: 'Web certificate' },
      async run() {
        const { validTo, selfSigned } = options.webCertificate()
        const finding = expiryFinding('The web certificate', validTo, now())
        return selfSigned && finding.state === 'warning'
          ? success(
              `Self-signed, valid until ${validTo.toISOString().slice(0, 10)}; a start of the appliance renews it.`,
            )
          : finding
      },
    },
    {
      ...{
        id: 'appliance.leftovers',
        group: 'appliance',
        title: 'Leftovers',
        timeoutMs: leftoversTimeoutMs,
        everyMs: hourMs,
      },
      run: async signal => leftoverFinding(await options.leftovers(signal)),
    },
    {
      ...{ id: 'appliance.connector', group: 'appliance', title: 'Standing of the connector' },
      run: async () => standingFinding(options),
    },
    restartCheck({ root }),
    {
      ...{ id: 'appliance.version', group: 'appliance', title: 'Version' },
      run: async () =>
        success(`Hoist ${version} on Node.js ${process.versions.node}, up since ${startedAt.toISOString()}.`),
    },
  ]
}

function ntpFinding(sync: TimeSync | undefined): Finding {
  const fix = 'Set NTP servers for the appliance (systemd-timesyncd or chrony), or let its host keep the time.'
  if (sync === undefined) return warning('Whether the clock is synchronized is not known here.', fix)
  const by = sync.servers.length === 0 ? '' : ` with ${sync.servers.join(', ')}`
  if (!sync.synchronized) return warning(`The clock is not synchronized${by}.`, fix)
  const { offsetMs } = sync
  if (offsetMs !== undefined && Math.abs(offsetMs) > offsetWarningMs)
    return warning(`Synchronized${by}, but ${offsetMs} ms off.`, fix)
  return success(`Synchronized${by}.`)
}

function memoryFinding(availableBytes: number): Finding {
  const total = process.constrainedMemory() || totalmem()
  const ownBytes = process.memoryUsage.rss()
  const said = `${Math.round(availableBytes / mib)} of ${Math.round(Math.min(total, totalmem()) / mib)} MiB are left; the service uses ${Math.round(ownBytes / mib)} MiB.`
  const fix = 'Give the appliance more memory, or end what else runs on it.'
  if (availableBytes < memoryErrorBytes) return failed(said, fix)
  return availableBytes < memoryWarningBytes ? warning(said, fix) : success(said)
}

function backupFinding(at: string | undefined, startedAt: Date, now: Date): Finding {
  const fix = 'Look in the log for the reason, then make one on the Support page.'
  const ageMs = now.getTime() - (at === undefined ? startedAt.getTime() : Date.parse(at))
  const said = at === undefined ? 'There is none yet.' : `The newest is of ${at}.`
  if (ageMs >= backupErrorMs) return failed(said, fix)
  if (ageMs >= backupWarningMs) return warning(said, fix)
  return at === undefined ? notYet(said) : success(said)
}

function leftoverFinding(found: readonly { verdict: string }[]): Finding {
  const count = (verdict: string) => found.filter(thing => thing.verdict === verdict).length
  const [remove, adopt] = [count('remove'), count('adopt')]
  if (remove + adopt === 0) return success('None.')
  return warning(
    `${remove} things of ours are of use to nobody, ${adopt} images are known to no run.`,
    'They are removed by themselves within the hour; images wait on the page of leftovers to be taken in.',
  )
}

function standingFinding(options: ApplianceCheckOptions): Finding {
  // Says why nothing may be done, and what to decide.
  options.assertActive()
  return options.registered() ? success('Active.') : notYet('The connector is not registered yet.')
}
