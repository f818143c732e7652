// The lab: a vCenter and an AWS on loopback. `npm run lab`, or startLab() in a test.

import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { readOptions } from '../read-options.ts'
import { type AwsEndpoints, settled, startAws } from './lab-aws-side.ts'
import { checkLabConfig, type LabConfig, LabConfigError, readLabConfig } from './lab-config.ts'
import { type LabProcess, LabProcessError } from './lab-process.ts'
import { startVcenter, type VcenterEndpoints } from './lab-vcenter-side.ts'
import { cacheDirectory, ensureTools, MissingToolError } from './tools.ts'

export type { AccessKey, AwsEndpoints } from './lab-aws-side.ts'
export type { LabConfig, LabVm } from './lab-config.ts'
export type { VcenterAccount, VcenterEndpoints } from './lab-vcenter-side.ts'

/** What `npm run lab` prints, as one line of JSON. A side that was not asked for is missing. */
export interface LabEndpoints {
  vcenter?: VcenterEndpoints
  aws?: AwsEndpoints
  directory: string
}

export interface LabOptions {
  /** See README.md; an empty config gives one host, one datastore and no VM. */
  config?: LabConfig
  /** Where the lab keeps disks, objects and snapshots; without it a folder in .cache that goes when the lab stops. */
  directory?: string
  vcenter?: boolean
  aws?: boolean
  /** In place of the documented policy, for the account `connector`. */
  connectorPolicy?: NonNullable<LabConfig['aws']>['connectorPolicy']
  signal?: AbortSignal
}

export interface Lab extends AsyncDisposable {
  readonly endpoints: LabEndpoints
  /** @throws Error when the lab was started without this side. */
  readonly vcenter: VcenterEndpoints
  readonly aws: AwsEndpoints
  /** Asks a control port (README.md lists what there is); @throws ControlError when it answers anything but 2xx. */
  vcenterControl<T = unknown>(method: string, path: string, body?: unknown): Promise<T>
  awsControl<T = unknown>(method: string, path: string, body?: unknown): Promise<T>
  /** Rejects when one of the lab's programs ends by itself, with what it printed. */
  readonly died: Promise<never>
  /** The pid of each program, by name. */
  readonly pids: Record<string, number>
  /** What a program (`lab-vcenter`, `versitygw`, `moto`, `aws`, `lab-front`) printed on stderr, the last 64 KiB. */
  log(name: string): string
  stop(): Promise<void>
}

/** A control port's refusal. */
export class ControlError extends Error {
  readonly statusCode: number

  constructor(message: string, statusCode: number) {
    super(message)
    this.name = 'ControlError'
    this.statusCode = statusCode
  }
}

/**
 * Starts what is asked for (both sides unless one is switched off) on ports that the system chooses.
 * @throws LabConfigError, MissingToolError, LabProcessError.
 */
export async function startLab(options: LabOptions = {}): Promise<Lab> {
  const { vcenter = true, aws = true, signal } = options
  const config = checkLabConfig(options.config ?? {})
  const awsConfig = {
    ...config.aws,
    ...(options.connectorPolicy === undefined ? {} : { connectorPolicy: options.connectorPolicy }),
  }
  await ensureTools([
    'images',
    ...(vcenter ? (['vcenter'] as const) : []),
    ...(aws ? (['python', 'front', 's3'] as const) : []),
  ])
  const directory = options.directory === undefined ? await ownDirectory() : resolve(options.directory)
  await mkdir(directory, { recursive: true })
  const processes: LabProcess[] = []
  let stopping: Promise<void> | undefined
  const stop = () => {
    stopping ??= Promise.all(processes.map(process => process.stop())).then(async () => {
      if (options.directory === undefined) await rm(directory, { recursive: true, force: true })
    })
    return stopping
  }
  const endpoints: LabEndpoints = { directory }
  try {
    const [vcenterSide, awsSide] = await settled([
      vcenter ? startVcenter(config, directory, processes, signal) : Promise.resolve(undefined),
      aws ? startAws(awsConfig, directory, processes, signal) : Promise.resolve(undefined),
    ])
    if (vcenterSide !== undefined) endpoints.vcenter = vcenterSide
    if (awsSide !== undefined) endpoints.aws = awsSide
  } catch (error) {
    await stop()
    throw error
  }
  const died = Promise.race(processes.map(process => process.died))
  died.catch(() => undefined) // for whoever waits for it
  const there = <T>(side: T | undefined): T => {
    if (side === undefined) throw new Error('the lab was started without this side')
    return side
  }
  return {
    endpoints,
    get vcenter() {
      return there(endpoints.vcenter)
    },
    get aws() {
      return there(endpoints.aws)
    },
    vcenterControl: (method, path, body) => control(there(endpoints.vcenter).control, method, path, body),
    awsControl: (method, path, body) => control(there(endpoints.aws).control, method, path, body),
    died,
    pids: Object.fromEntries(processes.map(({ name, pid }) => [name, pid])),
    log: name => processes.find(process => process.name === name)?.log ?? '',
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

async function control<T>(base: string, method: string, path: string, body: unknown): Promise<T> {
  const response = await fetch(base + path, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  })
  const text = await response.text()
  if (!response.ok) throw new ControlError(`${method} ${path}: ${response.status} ${text.trim()}`, response.status)
  return (text.trim() === '' ? undefined : JSON.parse(text)) as T
}

const runsDirectory = join(cacheDirectory, 'lab')

/** In .cache, on the disk that holds the guests: a /tmp in memory is too small for disks. Those of dead labs are removed. */
async function ownDirectory(): Promise<string> {
  await mkdir(runsDirectory, { recursive: true })
  for (const name of await readdir(runsDirectory)) {
    const [, pid] = /^run-(\d+)-/.exec(name) ?? []
    if (pid !== undefined && !isAlive(Number(pid)))
      await rm(join(runsDirectory, name), { recursive: true, force: true })
  }
  return mkdtemp(join(runsDirectory, `run-${process.pid}-`))
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

const usage = `usage: npm run lab -- [--config FILE] [--directory DIR] [--no-vcenter] [--no-aws]
Starts the lab and prints one line of JSON: its endpoints, accounts and thumbprints. Ends at Ctrl-C.
Without --config it has the servers of sample-inventory.json. On a terminal it also says what the setup wizard asks for.
`

const sampleInventory = join(import.meta.dirname, 'sample-inventory.json')

/** What is typed where. The passwords are the lab's own, new at every start. */
function wizardHelp({ vcenter, aws }: LabEndpoints): string {
  const lines = [
    ...(vcenter
      ? [
          ['vCenter', ''],
          ['  host', vcenter.host],
          ['  account', vcenter.connector.username],
          ['  password', vcenter.connector.password],
          ['  SHA-256', vcenter.thumbprintSha256],
        ]
      : []),
    ...(aws
      ? [
          ['AWS', ''],
          ['  Region', aws.region],
          ['  access key', aws.connector.accessKeyId],
          ['  secret key', aws.connector.secretAccessKey],
          ['  private endpoint', `${aws.endpoint} (for all services)`],
        ]
      : []),
  ]
  return `\nWhat the setup wizard asks for:\n${lines.map(([name = '', value = '']) => `  ${name.padEnd(20)}${value}`.trimEnd()).join('\n')}\n\n`
}

async function main(args: string[]): Promise<number> {
  const { values } = readOptions(usage, {
    args,
    allowNegative: true,
    options: {
      config: { type: 'string' },
      directory: { type: 'string' },
      vcenter: { type: 'boolean', default: true },
      aws: { type: 'boolean', default: true },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) {
    process.stdout.write(usage)
    return 0
  }
  const stop = new AbortController()
  const asked = new Promise<void>(done => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        stop.abort(new Error(signal))
        done()
      })
    }
  })
  try {
    await using lab = await startLab({
      config: await readLabConfig(values.config ?? sampleInventory),
      ...(values.directory === undefined ? {} : { directory: values.directory }),
      vcenter: values.vcenter,
      aws: values.aws,
      signal: stop.signal,
    })
    process.stdout.write(`${JSON.stringify(lab.endpoints)}\n`)
    if (process.stdout.isTTY) process.stderr.write(wizardHelp(lab.endpoints))
    await Promise.race([asked, lab.died])
  } catch (error) {
    if (!stop.signal.aborted) throw error
  }
  return 0
}

if (import.meta.main) {
  main(process.argv.slice(2)).then(
    status => process.exit(status),
    (error: unknown) => {
      const expected = [LabConfigError, MissingToolError, LabProcessError].some(kind => error instanceof kind)
      process.stderr.write(
        `lab: ${error instanceof Error ? (expected ? error.message : error.stack) : String(error)}\n`,
      )
      process.exit(1)
    },
  )
}
