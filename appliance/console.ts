// The console of the appliance: what stands on its screen in vCenter, and on a serial line, in the place of a login.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import packageJson from '../package.json' with { type: 'json' }
import { type Config, loadConfig } from './config.ts'
import type { ConsoleParts } from './console/parts.ts'
import { runConsole } from './console/run-console.ts'
import { openTerminal } from './console/terminal.ts'
import { ApplianceError } from './errors.ts'
import { askLocal, openLocal } from './local-api.ts'
import { logDirectory, logFiles } from './log-file.ts'
import { machineClient } from './machine/client.ts'

/** What the units of the image set for the service; the console's own may leave it out. */
const ofTheImage = {
  HOIST_DATA_DIR: '/var/lib/hoist',
  HOIST_HOST: '::',
  HOIST_PORT: '443',
  HOIST_MACHINE_SOCKET: '/run/hoist-machine/socket',
}
/** Where there is a vTPM: a store that was opened without it would make a key of its own. */
const unsealedKey = '/run/hoist/secrets.key'
/** Written when the data disk is mounted and that key is there. */
const booted = '/run/hoist/environment'
/** A program that takes longer tells nothing. */
const programMs = 5_000
const programBytes = 4 * 2 ** 20

function configOf(env: NodeJS.ProcessEnv): Config {
  const key = existsSync(unsealedKey) ? { HOIST_SECRETS_KEY: unsealedKey } : {}
  return loadConfig({ ...ofTheImage, ...key, ...env })
}

function partsOf(env: NodeJS.ProcessEnv): ConsoleParts {
  const config = configOf(env)
  return {
    version: packageJson.version,
    root: '/',
    dataDir: config.dataDir,
    port: config.port,
    machine: machineClient(config.machineSocket),
    api: (method, path, options) => askLocal(config, method, path, options),
    async open(path, signal) {
      const content = await openLocal(config, 'GET', path, { signal })
      return { status: content.statusCode ?? 0, content }
    },
    async run(file, args) {
      const limits = { timeout: programMs, maxBuffer: programBytes, env: { LC_ALL: 'C' } }
      return (await promisify(execFile)(file, [...args], limits)).stdout
    },
    logFiles: () => logFiles(logDirectory(config.dataDir)),
    async resetPassword(name, password) {
      // Below the mount point a store would be made anew, which nobody sees again.
      if (env.HOIST_DATA_DIR === ofTheImage.HOIST_DATA_DIR && !existsSync(booted)) throw notBooted()
      // With it comes the whole store, which nothing else here needs.
      const { resetPassword } = await import('./reset-password.ts')
      return await resetPassword(configOf(env), [name], {
        stdin: Readable.from([`${password}\n`]),
        stderr: { write: () => true },
      })
    },
    say(text) {
      // On a terminal it would stand in the middle of the screen.
      if (!process.stderr.isTTY) process.stderr.write(`${text}\n`)
    },
    nowMs: () => performance.now(),
  }
}

function notBooted(): ApplianceError {
  return new ApplianceError('DATA_DISK_UNUSABLE', 'The data disk is not there yet: no password can be set.', {
    hint: 'The first screen says what is wrong with it.',
  })
}

// For an upgrade, before this release is relied on: all of it is loaded.
if (process.argv[2] === '--check') {
  await import('./reset-password.ts')
  process.exit(0)
}
const parts = partsOf(process.env)
const terminal = openTerminal(process.stdin, process.stdout)
// In raw mode no key sends them; and nobody ends the console by another way than systemd's.
for (const signal of ['SIGINT', 'SIGQUIT', 'SIGTSTP'] as const) process.on(signal, () => undefined)
const end = (status: number) => {
  terminal.close()
  process.exit(status)
}
process.on('SIGTERM', () => end(0))
process.on('SIGHUP', () => process.exit(0))
await runConsole(terminal, parts).catch((thrown: unknown) => {
  if (!process.stderr.isTTY) process.stderr.write(`console: ${thrown instanceof Error ? thrown.message : thrown}\n`)
  end(1)
})
