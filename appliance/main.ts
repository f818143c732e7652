// The process: listen, say where, and drain when asked to stop.
import { join } from 'node:path'
import { createApp } from './app.ts'
import { loadConfig } from './config.ts'
import { toApplianceError } from './errors.ts'
import { createLogger } from './log.ts'

try {
  const config = loadConfig(process.env)
  const log = createLogger(config)
  const app = await createApp(config, log)
  const address = await app.api.listen({ host: config.host, port: config.port })
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
  const { code, message, hint } = toApplianceError(thrown)
  process.stderr.write(`${code}: ${message} ${hint}\n`)
  process.exit(1)
}
