// The one process of the appliance that runs as root: it ends what a restart has interrupted, then does what its socket asks for.
import { existsSync } from 'node:fs'
import { mkdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { ApplianceError, toApplianceError } from './errors.ts'
import { askReady } from './machine/ask-ready.ts'
import { dispatcher, upgradeMs } from './machine/dispatch.ts'
import { type LineServer, serveLines } from './machine/line-server.ts'
import { machineFiles } from './machine/machine-files.ts'
import { readMachineState } from './machine/machine-state.ts'
import { perform } from './machine/perform.ts'
import { type RunProgram, runProgram } from './machine/run-program.ts'
import { type NotifyOptions, notifyReady, startWatchdog } from './service-notify.ts'
import { awaitHealthy } from './upgrade/await-healthy.ts'
import { installRelease, removeUnfinished } from './upgrade/install-release.ts'
import { loadReleaseKeys } from './upgrade/release-keys.ts'
import { releasesIn } from './upgrade/releases.ts'
import { recoverUpgrade, type UpgradeGround, upgrade } from './upgrade/upgrade.ts'
import { readUpgradeState, writeUpgradeState } from './upgrade/upgrade-state.ts'
import type { DatabaseStep } from './upgrade-database.ts'

export interface HelperOptions {
  /** `/`, or a directory of a test. */
  root: string
  run: RunProgram
  /** Whether the service is ready. */
  ask(signal: AbortSignal): Promise<boolean>
  /** For the journal: one line, without secrets. */
  say(text: string): void
  /** An upgrade could not be ended: the process has to be started anew, and goes on from what is on disk. */
  onStuck(): void
  /** For tests: how long a new release has. Milliseconds. */
  healthyWithinMs?: number
  healthySteadyMs?: number
  healthyEveryMs?: number
}

/** Below the root. The units, the image and the service know them too. */
export const places = {
  top: 'opt/hoist',
  upgradeState: 'opt/hoist/upgrade-state.json',
  keys: 'etc/hoist/release-keys',
  data: 'var/lib/hoist',
  /** Where the service puts a bundle; its user may write there. */
  uploads: 'var/lib/hoist/uploads',
  socket: 'run/hoist-machine/socket',
  /** The last that a boot writes, and gone with the next: the data disk is mounted. */
  booted: 'run/hoist/environment',
} as const

const systemctl = '/usr/bin/systemctl'

/**
 * Ends an upgrade that was interrupted, then serves. The service is to be started after this.
 * @throws {ApplianceError} when what was interrupted cannot be ended
 */
export async function startMachineHelper(options: HelperOptions): Promise<LineServer> {
  const { root, run, say, onStuck } = options
  const files = machineFiles(root)
  const releases = releasesIn(join(root, places.top))
  const ground = upgradeGround(options, releases)
  const never = new AbortController().signal

  await refuseWithoutData(options)
  const recovered = await recoverUpgrade(ground)
  if (recovered) {
    say(`upgrade to ${recovered.to} was interrupted: ${recovered.result}`)
    await restartConsoles(run)
  }

  async function install(file: string, signal: AbortSignal) {
    const running = await releases.current()
    const keys = await loadReleaseKeys(join(root, places.keys))
    const path = join(await uploadsOf(root), file)
    const { version } = await installRelease(path, { releases: releases.directory, keys, running, signal })
    const afterwards = async () => {
      const outcome = await upgrade(ground, { from: running, to: version })
      say(`upgrade to ${version}: ${outcome.result}${outcome.reason === undefined ? '' : `: ${outcome.reason}`}`)
      if (outcome.result !== 'upgraded') return
      // The helper is of the former release still, which the next upgrade removes.
      await restartConsoles(run)
      await run(systemctl, ['--no-block', 'restart', 'hoist-machine.service'], never)
    }
    return { version, afterwards }
  }

  // Of a helper that was ended while it unpacked: as much room as a release has.
  await removeUnfinished(releases.directory)

  const performer = { files, run, upgrade: install }
  const failed = (thrown: unknown) => say(`failed: ${toApplianceError(thrown).message}`)
  const answer = dispatcher((verb, signal) => perform(verb, performer, signal), failed)
  await mkdir(join(root, places.socket, '..'), { recursive: true, mode: 0o750 })
  return await serveLines({
    path: join(root, places.socket),
    answer,
    onFailure(thrown) {
      failed(thrown)
      onStuck()
    },
  })
}

/**
 * Serves, and tells the service manager so for as long as its loop turns: one that stands still is started anew, and ends what
 * it was at. @throws as startMachineHelper; when the manager cannot be told that it is ready
 */
export async function runMachineHelper(options: HelperOptions, notify: NotifyOptions = {}): Promise<LineServer> {
  const server = await startMachineHelper(options)
  await notifyReady(notify)
  const untold = (thrown: unknown) => options.say(`heartbeat not sent: ${toApplianceError(thrown).message}`)
  const stopWatchdog = startWatchdog({ ...notify, onFailure: untold })
  return {
    async close() {
      stopWatchdog()
      await server.close()
    },
  }
}

/** They run from a release that is removed, or will be. */
async function restartConsoles(run: RunProgram): Promise<void> {
  await run(systemctl, ['--no-block', 'try-restart', 'hoist-console@*.service'], new AbortController().signal)
}

/**
 * While the data disk is not there, a roll-back would find no database to put back, and would take that for done.
 * @throws {ApplianceError} MACHINE_FAILED when an upgrade is to be ended before this boot has brought the disk
 */
async function refuseWithoutData({ root }: HelperOptions): Promise<void> {
  const { phase } = await readUpgradeState(join(root, places.upgradeState))
  if (phase === 'settled' || existsSync(join(root, places.booted))) return
  throw new ApplianceError('MACHINE_FAILED', 'An upgrade was interrupted, and the data disk is not there to end it.', {
    hint: 'It goes on by itself once the data disk is found: attach it, or look on the console at what is wrong with it.',
  })
}

function upgradeGround(options: HelperOptions, releases: ReturnType<typeof releasesIn>): UpgradeGround {
  const { root, run, ask } = options
  const statePath = join(root, places.upgradeState)
  const never = new AbortController().signal
  // The service's user may do what it likes in its directory; root follows no name there.
  const database = (step: DatabaseStep) => async (version: string) => {
    const release = releaseOf(version)
    const program = [`${release}/bin/node`, `${release}/appliance/upgrade-database.ts`, step, join('/', places.data)]
    await run('/usr/bin/setpriv', [...asService, ...program], AbortSignal.timeout(upgradeMs))
  }
  return {
    readState: () => readUpgradeState(statePath),
    writeState: state => writeUpgradeState(statePath, state),
    switchTo: releases.switchTo,
    prove: releases.prove,
    async tryPrograms(version) {
      const release = releaseOf(version)
      for (const program of checked)
        await run(`${release}/bin/node`, [`${release}/appliance/${program}`, '--check'], AbortSignal.timeout(checkMs))
    },
    keepOnly: releases.keepOnly,
    async stop() {
      await run(systemctl, ['stop', 'hoist.service'], AbortSignal.timeout(upgradeMs))
    },
    async start() {
      // A service that fell over too often would not be started; and at a start of the machine, this process goes first.
      await run(systemctl, ['reset-failed', 'hoist.service'], never)
      await run(systemctl, ['--no-block', 'start', 'hoist.service'], never)
    },
    awaitHealthy: () =>
      awaitHealthy({
        ask,
        signal: never,
        ...(options.healthyWithinMs === undefined ? {} : { withinMs: options.healthyWithinMs }),
        ...(options.healthySteadyMs === undefined ? {} : { steadyMs: options.healthySteadyMs }),
        ...(options.healthyEveryMs === undefined ? {} : { everyMs: options.healthyEveryMs }),
      }),
    database: {
      keep: database('keep'),
      tryMigration: database('try-migration'),
      restore: database('restore'),
      dropKept: database('drop-kept'),
    },
    now: () => new Date(),
    say: options.say,
  }
}

/** Who runs at a boot and beside the service: the trial of the service says nothing about them. */
const checked = ['boot.ts', 'machine-helper.ts', 'console.ts']
/** Each is a start and a few small files. Milliseconds. */
const checkMs = 60_000

function releaseOf(version: string): string {
  return join('/', places.top, 'releases', version)
}

/** Whether this program can be relied on here: all of it is loaded, what it begins with is read, and nothing is changed. @throws */
export async function checkMachineHelper(root: string): Promise<void> {
  await readUpgradeState(join(root, places.upgradeState))
  await loadReleaseKeys(join(root, places.keys))
  await releasesIn(join(root, places.top)).current()
  await readMachineState(machineFiles(root))
}

const asService = ['--reuid=hoist', '--regid=hoist', '--clear-groups', '--no-new-privs', '--inh-caps=-all', '--']

/** The service's user could have put a link in the place of the directory. */
async function uploadsOf(root: string): Promise<string> {
  const uploads = join(await realpath(root), places.uploads)
  const found = await realpath(uploads).catch(() => undefined) // Not there: nothing was uploaded either.
  if (found === uploads) return uploads
  throw new ApplianceError('NOT_FOUND', 'There is no directory of uploads.', {
    hint: 'Upload the release bundle first.',
  })
}

if (import.meta.main) {
  const exit = () => process.exit(1)
  process.on('SIGTERM', () => process.exit(0))
  try {
    if (process.argv[2] === '--check') await checkMachineHelper('/')
    else
      await runMachineHelper({
        root: '/',
        run: runProgram,
        ask: signal => askReady(443, join('/', places.data, 'web.crt'), signal),
        say: text => process.stderr.write(`${text}\n`),
        onStuck: exit,
      })
  } catch (thrown) {
    const { code, message, hint } = toApplianceError(thrown)
    process.stderr.write(`${code}: ${message} ${hint}\n`)
    exit()
  }
}
