// The process: listen, say where, and drain when asked to stop.
import { join } from 'node:path'
import { type App, createApp } from './app.ts'
import { type Config, loadConfig } from './config.ts'
import { ApplianceError, toApplianceError } from './errors.ts'
import { createLogger } from './log.ts'

try {
  const config = loadConfig(process.env)
  const log = createLogger(config)
  process.on('uncaughtException', err => {
    // Its state is unknown: the next start cleans up what a run has left. Node's own report would pass by the log's redaction.
    log.fatal({ err }, 'appliance failed')
    process.exit(1)
  })
  const app = await createApp(config, log)
  const address = await listen(app, config)
  app.start()
  log.info({ address, tokenFile: join(config.dataDir, 'api-token') }, 'appliance ready')

  let stopping = false
  const stop = async (signal: NodeJS.Signals) => {
    if (stopping) return
    stopping = true
    log.info({ signal }, 'appliance stopping')
    await app.stop()
    process.exit(0)
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
} catch (thrown) {
  // Whoever starts the process by hand reads this; the log may not exist yet.
  const { code, message, hint } = startFailure(thrown)
  process.stderr.write(`${code}: ${message} ${hint}\n`.replace(/\n(?=.)/g, ' '))
  process.exit(1)
}

async function listen(app: App, { host, port }: Config): Promise<string> {
  try {
    return await app.api.listen({ host, port })
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
