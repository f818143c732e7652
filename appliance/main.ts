// The process: listen, say where, and drain when asked to stop.
import { join } from 'node:path'
import type { Logger } from 'pino'
import { type App, createApp } from './app.ts'
import { type Config, loadConfig } from './config.ts'
import { ApplianceError, toApplianceError } from './errors.ts'
import { type FrontDoor, frontDoor } from './front-door.ts'
import { createLogger } from './log.ts'
import { logDestination } from './log-file.ts'
import { createRescueApp, type RescueApp } from './rescue.ts'
import { resetPassword } from './reset-password.ts'
import { isJournal } from './service-notify.ts'
import { awaitSettled } from './upgrade/upgrade-state.ts'

try {
  const config = loadConfig(process.env)
  const [verb, ...args] = process.argv.slice(2)
  if (verb === 'reset-password') {
    process.stdout.write(`${await resetPassword(config, args, process)}\n`)
    process.exit(0)
  }
  const log = createLogger(config, logDestination(config.dataDir))
  process.on('uncaughtException', err => {
    // Its state is unknown: the next start goes on with its runs. Node's own report would pass by the log's redaction.
    log.fatal({ err }, 'appliance failed')
    process.exit(1)
  })
  const door = frontDoor(config, log)
  const ending = new AbortController()
  let serving: { stop(): Promise<void> } | undefined
  const stop = async (signal: NodeJS.Signals) => {
    if (ending.signal.aborted) return
    ending.abort()
    log.info({ signal }, 'appliance stopping')
    await door.close()
    await serving?.stop()
    process.exit(0)
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)

  // Once only, unless an imported backup takes the database's place: then all of it is opened anew.
  while (!ending.signal.aborted) {
    const app = await openApp(config, log, door, rescue => {
      serving = rescue
    })
    serving = app
    const address = await door.open(app.api)
    // For whoever stands at the console, and past the log: until there is an administrator, it opens the setup.
    const code = isJournal(process.stderr.fd) ? undefined : await app.setupCode()
    if (code) process.stderr.write(`Setup code: ${code}\n`)
    log.info({ address, tokenFile: join(config.dataDir, 'api-token') }, 'appliance ready')
    if (await isSettled(config, ending.signal)) app.start()
    await app.replaced
    await app.stop()
  }
} catch (thrown) {
  // Whoever starts the process by hand reads this; the log may not exist yet.
  const { code, message, hint } = startFailure(thrown)
  process.stderr.write(`${code}: ${message} ${hint}\n`.replace(/\n(?=.)/g, ' '))
  process.exit(1)
}

/**
 * A release on trial answers, so that it can be proven, and starts no run: a roll-back puts the database of before in its
 * place. False when the process ends before that.
 */
async function isSettled({ upgradeState }: Config, ending: AbortSignal): Promise<boolean> {
  if (upgradeState === '') return true
  try {
    await awaitSettled(upgradeState, ending)
    return true
  } catch (thrown) {
    if (ending.aborted) return false
    throw thrown
  }
}

/** The appliance; while its database is damaged, the rescue mode that can put a backup in its place. */
async function openApp(
  config: Config,
  log: Logger,
  door: FrontDoor,
  serving: (rescue: RescueApp) => void,
): Promise<App> {
  for (;;) {
    try {
      return await createApp(config, log)
    } catch (thrown) {
      const error = toApplianceError(thrown)
      if (error.code !== 'STORE_DAMAGED') throw thrown
      log.fatal({ err: error }, 'database damaged: only the rescue mode is served')
      const rescue = await createRescueApp(config, log, error)
      serving(rescue)
      const address = await door.open(rescue.api)
      log.info({ address, tokenFile: join(config.dataDir, 'api-token') }, 'rescue mode ready')
      await rescue.restored
      await rescue.stop()
    }
  }
}

/** The file system's refusals of the data directory, by name. */
function startFailure(thrown: unknown): ApplianceError {
  const error = toApplianceError(thrown)
  if (error.code !== 'INTERNAL' || !(thrown instanceof Error && 'syscall' in thrown)) return error
  return new ApplianceError('STORE_UNAVAILABLE', `The data directory cannot be used: ${error.message}.`, {
    cause: thrown,
    hint: 'Set HOIST_DATA_DIR to a directory that this user may write, on a file system with room.',
  })
}
