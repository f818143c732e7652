// One trial's world: a lab, wires to both of its sides, and an appliance in a process of its own that can be killed and started again.
import { copyFile, cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { configVariables } from '../../appliance/config.ts'
import { ApiError, ApplianceProcess } from '../demo/appliance-process.ts'
import { type AccessKey, type Lab, type LabVm, startLab } from '../lab/lab.ts'
import { becomes } from './ground.ts'
import { SmallDisk } from './small-disk.ts'
import { Wire } from './wire.ts'

/** Every wait of the appliance, shortened: by 120 (stall) up to 2400 (reaper). */
const shortened: Record<string, string> = {
  HOIST_POLL_MS: '100',
  HOIST_HEALTH_MS: '0',
  HOIST_SCHEDULE_MS: '100',
  HOIST_RESUME_MS: '150',
  HOIST_STALL_MS: '1000',
  HOIST_WATCH_MS: '100',
  HOIST_LEASE_MS: '500',
  HOIST_REAP_MS: '1500',
}
/** An answer of the API that takes longer is none. */
const callTimeoutMs = 10_000
/** How long the harness insists on an API call while the appliance is down or refuses for the time being. */
const patienceMs = 40_000
/** systemd's pause before it starts a service again. */
const restartPauseMs = 300
export const drainLimitMs = 10_000

export interface SiteOptions {
  /** For data directory and logs. */
  directory: string
  vms: LabVm[]
  importStepMs: number
  nfcBytesPerSecond: number
  /** The data directory is on a small file system of its own. */
  smallDisk?: boolean
  /** The appliance's clock can be moved. */
  movableClock?: boolean
}

export class Site {
  readonly lab: Lab
  readonly vcenter: Wire
  readonly aws: Wire
  readonly directory: string
  readonly disk: SmallDisk | undefined
  /** What happened, in order, for whoever has to understand a failure. */
  readonly story: string[] = []
  /** Times that the appliance ended although nobody made it end. */
  readonly crashes: string[] = []
  machineId = 'original'
  /** Those that the appliance has been given last. */
  credentials: AccessKey
  dataDir: string
  #appliance: ApplianceProcess | undefined
  #wanted = false
  #closed = false
  #queue: Promise<unknown> = Promise.resolve()
  #turn: Promise<unknown> = Promise.resolve()
  readonly #movableClock: boolean
  readonly #startedAtMs = performance.now()

  private constructor(parts: {
    lab: Lab
    vcenter: Wire
    aws: Wire
    disk: SmallDisk | undefined
    options: SiteOptions
  }) {
    this.lab = parts.lab
    this.vcenter = parts.vcenter
    this.aws = parts.aws
    this.disk = parts.disk
    this.credentials = parts.lab.aws.connector
    this.directory = parts.options.directory
    this.dataDir = join(this.directory, 'mount', 'data')
    this.#movableClock = parts.options.movableClock ?? false
  }

  static async open(options: SiteOptions): Promise<Site> {
    const mount = join(options.directory, 'mount')
    await mkdir(mount, { recursive: true })
    const lab = await startLab({ config: { vms: options.vms, aws: { timing: { stepMs: options.importStepMs } } } })
    const disk = options.smallDisk ? await SmallDisk.open(mount) : undefined
    const vcenter = await Wire.open(lab.vcenter.host)
    const aws = await Wire.open(new URL(lab.aws.endpoint).host)
    const site = new Site({ lab, vcenter, aws, disk, options })
    await site.setClock(0)
    await lab.vcenterControl('POST', '/shape', { bytesPerSecond: options.nfcBytesPerSecond })
    await site.start()
    void site.#keepRunning()
    return site
  }

  tell(text: string): void {
    this.story.push(`${((performance.now() - this.#startedAtMs) / 1000).toFixed(2)} s: ${text}`)
  }

  get appliance(): ApplianceProcess {
    if (this.#appliance === undefined) throw new Error('The appliance does not run')
    return this.#appliance
  }

  /** Enters both settings, registers, and imports the catalog. */
  async setUp(): Promise<void> {
    const { connector, certificatePem } = this.lab.vcenter
    const trust = { kind: 'pinned', certificatePem }
    await this.call('PUT', '/api/settings/vcenter', { host: this.vcenter.address, ...connector, trust })
    await this.enterCredentials(this.lab.aws.connector)
    await this.call('POST', '/api/registration')
    await this.call('POST', '/api/catalog/import')
    for (;;) {
      const catalog = await this.call<{ state: string }>('GET', '/api/catalog')
      if (catalog.state === 'ready') return
      if (catalog.state !== 'importing') throw new Error(`Catalog import: ${JSON.stringify(catalog)}`)
      await sleep(50)
    }
  }

  async enterCredentials(key: AccessKey): Promise<void> {
    this.credentials = key
    const endpoint = `http://${this.aws.address}`
    const endpoints = { s3: endpoint, ec2: endpoint, sts: endpoint, iam: endpoint }
    await becomes(patienceMs, async () => {
      try {
        await this.call('PUT', '/api/settings/aws', { region: this.lab.aws.region, ...key, endpoints })
        return true
      } catch (error) {
        // Beside a jump of the clock: AWS refuses what is signed at another hour, and whoever enters it tries again.
        if (error instanceof ApiError && error.body.code === 'AWS_CLOCK_SKEW') return false
        throw error
      }
    })
  }

  /**
   * Calls the API; insists while the appliance is down, or says that it is for the time being (5xx).
   * @throws ApiError for a 4xx and for INTERNAL, and for what has not passed after 40 s
   */
  async call<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    const startedAtMs = performance.now()
    for (;;) {
      try {
        return await this.callOnce<T>(method, path, body)
      } catch (error) {
        // A nameless failure is one of ours, whatever is being tried just now.
        const passes = !(error instanceof ApiError) || (error.statusCode >= 500 && error.body.code !== 'INTERNAL')
        if (!passes || performance.now() - startedAtMs > patienceMs) throw error
        await sleep(100)
      }
    }
  }

  callOnce<T>(method: string, path: string, body?: unknown): Promise<T> {
    return within(callTimeoutMs, this.appliance.call<T>(method, path, body), `${method} ${path}`)
  }

  /** Runs one after the other what ends and starts the appliance on purpose. */
  inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(act)
    this.#turn = done.catch(() => undefined) // whoever asked for it gets the error
    return done
  }

  start(): Promise<void> {
    return this.#alone(async () => {
      if (this.#closed) throw new Error('The trial is over')
      this.#wanted = true
      await this.#start()
    })
  }

  /** Ends it by force, and leaves it down until `start`. */
  kill(): Promise<void> {
    return this.#alone(async () => {
      this.#wanted = false
      await this.#appliance?.stop('SIGKILL')
      this.#appliance = undefined
      this.tell('killed')
    })
  }

  /** Asks it to end; resolves with how long that took, milliseconds. */
  terminate(): Promise<number> {
    return this.#alone(async () => {
      this.#wanted = false
      const startedAtMs = performance.now()
      const { pid } = this.appliance
      // Beyond twice the limit the trial has failed anyway.
      const late = setTimeout(() => process.kill(pid, 'SIGKILL'), 2 * drainLimitMs)
      await this.#appliance?.stop('SIGTERM')
      clearTimeout(late)
      this.#appliance = undefined
      const tookMs = performance.now() - startedAtMs
      this.tell(`terminated in ${tookMs.toFixed(0)} ms`)
      return tookMs
    })
  }

  /** How far the appliance's clock is ahead of the machine's. */
  async setClock(shiftMs: number): Promise<void> {
    if (this.#movableClock) await writeFile(this.#clockFile, `${shiftMs}`)
  }

  /** The data directory, as seen from here. */
  get seenDataDir(): string {
    return this.disk ? this.disk.seen(this.dataDir) : this.dataDir
  }

  /** Copies the database (not the keys beside it) while no appliance runs. */
  async copyDatabase(to: string): Promise<void> {
    await mkdir(to, { recursive: true })
    for (const name of await this.#databaseFiles()) await copyFile(join(this.seenDataDir, name), join(to, name))
  }

  /** Puts a copy in the database's place while no appliance runs. */
  async replaceDatabase(from: string): Promise<void> {
    for (const name of await this.#databaseFiles()) await rm(join(this.seenDataDir, name))
    await cp(from, this.seenDataDir, { recursive: true })
  }

  /** Starts another appliance beside ours, on a data directory and a machine of its own. */
  async startOther(dataDir: string, machineId: string): Promise<ApplianceProcess> {
    return await ApplianceProcess.start({
      dataDir,
      logFile: join(this.directory, `${machineId}-beside.log`),
      env: this.#environment(machineId),
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.kill()
    await Promise.all([this.vcenter.close(), this.aws.close()])
    await this.lab.stop()
    await this.disk?.close()
  }

  async #start(): Promise<void> {
    const startedAtMs = performance.now()
    for (;;) {
      try {
        this.#appliance = await ApplianceProcess.start({
          dataDir: this.dataDir,
          logFile: join(this.directory, 'appliance.log'),
          env: this.#environment(this.machineId),
          ...(this.disk ? { wrap: this.disk.wrap, seenAs: this.seenDataDir } : {}),
        })
        this.tell('started')
        return
      } catch (error) {
        // As systemd does: again and again. A full disk passes.
        if (performance.now() - startedAtMs > patienceMs || this.#closed) throw error
        this.tell(`did not start: ${error}`)
        await sleep(restartPauseMs)
      }
    }
  }

  /** Starts it again when it has ended by itself, as systemd does. */
  async #keepRunning(): Promise<void> {
    while (!this.#closed) {
      await sleep(50)
      if (!this.#wanted || this.#appliance?.runs !== false) continue
      await this.#alone(async () => {
        if (!this.#wanted || this.#closed || this.#appliance?.runs !== false) return
        this.crashes.push(`ended by itself with ${this.#appliance.exitCode}`)
        this.tell('ENDED BY ITSELF')
        await sleep(restartPauseMs)
        await this.#start()
      }).catch(error => this.tell(`${error}`))
    }
  }

  #environment(machineId: string): Record<string, string> {
    const known = Object.entries({ ...shortened, HOIST_MACHINE_ID: machineId }).filter(
      ([name]) => name in configVariables,
    )
    const clock = {
      NODE_OPTIONS: `--import=${join(import.meta.dirname, 'clock-shift.ts')}`,
      CHAOS_CLOCK_FILE: this.#clockFile,
    }
    return { ...Object.fromEntries(known), ...(this.#movableClock ? clock : {}) }
  }

  get #clockFile(): string {
    return join(this.directory, 'clock')
  }

  async #databaseFiles(): Promise<string[]> {
    return (await readdir(this.seenDataDir)).filter(name => name.startsWith('hoist.db'))
  }

  /** Starting and stopping never overlap. */
  #alone<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(act)
    this.#queue = done.catch(() => undefined) // whoever asked for it gets the error
    return done
  }
}

export async function within<T>(limitMs: number, promise: Promise<T>, what: string): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`${what} took longer than ${limitMs} ms`)), limitMs)
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
