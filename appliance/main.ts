// The process: listen, say where, and drain when asked to stop.
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Routes } from './api/routes.ts'
import { type App, createApp } from './app.ts'
import { type Config, loadConfig } from './config.ts'
import { ApplianceError, toApplianceError } from './errors.ts'
import { createLogger } from './log.ts'
import { logDestination } from './log-file.ts'
import { createRescueApp, type RescueApp } from './rescue.ts'
import { resetPassword } from './reset-password.ts'

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
  let serving: { stop(): Promise<void> } | undefined
  let stopping = false
  const stop = async (signal: NodeJS.Signals) => {
    if (stopping) return
    stopping = true
    log.info({ signal }, 'appliance stopping')
    await serving?.stop()
    process.exit(0)
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)

  const app = await openApp(config, log, rescue => {
    serving = rescue
  })
  serving = app
  const address = await listen(app.api, config)
  // For whoever stands at the console, and past the log: until there is an administrator, it opens the setup.
  const code = await app.setupCode()
  if (code) process.stderr.write(`Setup code: ${code}\n`)
  app.start()
  log.info({ address, tokenFile: join(config.dataDir, 'api-token') }, 'appliance ready')
} catch (thrown) {
  // Whoever starts the process by hand reads this; the log may not exist yet.
  const { code, message, hint } = startFailure(thrown)
  process.stderr.write(`${code}: ${message} ${hint}\n`.replace(/\n(?=.)/g, ' '))
  process.exit(1)
}

/** The appliance; while its database is damaged, the rescue mode that can put a backup in its place. */
async function openApp(config: Config, log: Logger, serving: (rescue: RescueApp) => void): Promise<App> {
  for (;;) {
    try {
      return await createApp(config, log)
    } catch (thrown) {
      const error = toApplianceError(thrown)
      if (error.code !== 'STORE_DAMAGED') throw thrown
      log.fatal({ err: error }, 'database damaged: only the rescue mode is served')
      const rescue = await createRescueApp(config, log, error)
      serving(rescue)
      const address = await listen(rescue.api, config)
      log.info({ address, tokenFile: join(config.dataDir, 'api-token') }, 'rescue mode ready')
      await rescue.restored
      await rescue.stop()
    }
  }
}

async function listen(api: Routes, { host, port }: Config): Promise<string> {
  try {
    return await api.listen({ host, port })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ApplianceError('CONFIG_INVALID', `The appliance cannot listen on ${host}, port ${port}: ${reason}.`, {
      cause,
      hint: 'Set HOIST_HOST to an address of this machine and HOIST_PORT to a free port.',
    })
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
