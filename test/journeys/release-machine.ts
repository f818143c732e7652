// A machine in a directory whose releases run as processes of their own: the real root helper stops, switches and starts them.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { askReady } from '../../appliance/machine/ask-ready.ts'
import { places, startMachineHelper } from '../../appliance/machine-helper.ts'
import { makeRelease } from '../../appliance/upgrade/make-release.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { freePort } from '../free-port.ts'
import { keyPair } from '../upgrade/sample-release.ts'

const project = join(import.meta.dirname, '..', '..')
const run = promisify(execFile)

export interface ReleaseMachine {
  /** https://127.0.0.1:PORT, whichever release answers there. */
  address: string
  /** The first release: of this very tree. */
  version: string
  /** What the appliance trusts. */
  privateKey: ReturnType<typeof keyPair>['privateKey']
  /** Where bundles are made. */
  directory: string
  /** A whole signed release of this tree under another version; `broken`: one that ends as soon as it is started. */
  bundle(version: string, how?: 'broken'): Promise<string>
  /** Holds the helper up before it asks how the service is, or before it tries the new schema, until the test goes on. */
  gates: { schema: Promise<void>; health: Promise<void> }
  call<T = unknown>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }>
  /** Names in the directory of uploads. */
  uploads(): string[]
  current(): string
  stop(): Promise<void>
}

/** @param trusted PEM of an authority of the web, besides the public ones */
export async function startReleaseMachine(trusted: string): Promise<ReleaseMachine> {
  const root = mkdtempSync(join(tmpdir(), 'hoist-releases-'))
  const at = (place: string) => join(root, place)
  const directory = at('made')
  const { version } = packageJson
  const { privateKey, publicKey } = keyPair()
  for (const place of [`${places.top}/releases/${version}`, places.keys, places.uploads, 'made'])
    mkdirSync(at(place), { recursive: true })
  for (const part of ['appliance', 'webui/dist', 'package.json'])
    cpSync(join(project, part), at(`${places.top}/releases/${version}/${part}`), { recursive: true })
  for (const link of ['current', 'proven']) symlinkSync(`releases/${version}`, at(`${places.top}/${link}`))
  writeFileSync(at(`${places.keys}/a.pem`), publicKey.export({ type: 'spki', format: 'pem' }))
  writeFileSync(at('trusted.pem'), trusted)
  const port = await freePort()
  const gates = { schema: Promise.resolve(), health: Promise.resolve() }
  let child: ChildProcess | undefined

  /** The packages are those of this tree: a bundle with all of them would take minutes. */
  const releaseAt = (path: string) => {
    const modules = join(path, 'node_modules')
    if (!existsSync(modules)) symlinkSync(join(project, 'node_modules'), modules)
    return path
  }
  const start = () => {
    const release = releaseAt(at(`${places.top}/${readlinkSync(at(`${places.top}/current`))}`))
    child = spawn(process.execPath, [join(release, 'appliance/main.ts')], {
      env: {
        PATH: process.env.PATH,
        NODE_EXTRA_CA_CERTS: at('trusted.pem'),
        HOIST_DATA_DIR: at(places.data),
        HOIST_PORT: String(port),
        HOIST_MACHINE_SOCKET: at(places.socket),
        HOIST_UPGRADE_STATE: at(places.upgradeState),
        HOIST_RELEASE_KEYS: at(places.keys),
        HOIST_HEALTH_MS: '0',
        HOIST_LOG_LEVEL: 'fatal',
      },
      stdio: 'ignore',
    })
  }
  const stopService = async () => {
    if (child && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
    }
  }
  const ready = (signal: AbortSignal) => askReady(port, at(`${places.data}/web.crt`), signal)
  const helper = await startMachineHelper({
    root,
    async run(file, args) {
      const words = args.join(' ')
      if (words === 'stop hoist.service') await stopService()
      if (words === '--no-block start hoist.service') start()
      if (file === '/usr/bin/setpriv') {
        const [script = '', step = '', data = ''] = args.slice(args.indexOf('--') + 2)
        if (step === 'try-migration') await gates.schema
        releaseAt(join(at(script), '..', '..'))
        await run(process.execPath, [at(script), step, at(data)])
      }
      return ''
    },
    async ask(signal) {
      await gates.health
      return await ready(signal)
    },
    say: () => undefined,
    onStuck: () => undefined,
    healthyWithinMs: 30_000,
    healthySteadyMs: 600,
    healthyEveryMs: 300,
  })
  const machine: ReleaseMachine = {
    address: `https://127.0.0.1:${port}`,
    version,
    privateKey,
    directory,
    gates,
    async bundle(wanted, how) {
      const changed = join(directory, wanted)
      mkdirSync(join(changed, 'bin'), { recursive: true })
      writeFileSync(join(changed, 'package.json'), JSON.stringify({ ...packageJson, version: wanted }))
      writeFileSync(join(changed, 'main.ts'), 'process.exit(1)\n')
      writeFileSync(join(changed, 'bin/node'), '#!/bin/sh\n')
      const files = globSync(['appliance/**/*', 'webui/dist/**/*'], { cwd: project })
        .filter(path => statSync(join(project, path)).isFile())
        .map(path => ({ path, from: join(project, path), executable: false }))
        .map(file =>
          how === 'broken' && file.path === 'appliance/main.ts' ? { ...file, from: join(changed, 'main.ts') } : file,
        )
      files.push({ path: 'package.json', from: join(changed, 'package.json'), executable: false })
      files.push({ path: 'bin/node', from: join(changed, 'bin/node'), executable: true })
      files.sort((a, b) => (a.path < b.path ? -1 : 1))
      const out = join(directory, `hoist-${wanted}.tar`)
      const releasedAt = new Date('2026-11-20T10:00:00Z')
      await makeRelease({ version: wanted, minimumVersion: version, releasedAt, files, privateKey, out })
      return out
    },
    call: (method, path, body) => call(port, readFileSync(at(`${places.data}/api-token`), 'utf8'), method, path, body),
    uploads: () => readdirSync(at(places.uploads)).sort(),
    current: () => readlinkSync(at(`${places.top}/current`)),
    async stop() {
      await stopService()
      await helper.close()
      rmSync(root, { recursive: true, force: true })
    },
  }
  start()
  const waiting = AbortSignal.timeout(60_000)
  while (!existsSync(at(`${places.data}/web.crt`)) || !(await ready(waiting).catch(() => false))) {
    waiting.throwIfAborted()
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  return machine
}

async function call<T>(port: number, token: string, method: string, path: string, body?: unknown) {
  const payload = body === undefined ? undefined : JSON.stringify(body)
  const asked = request({
    ...{ host: '127.0.0.1', port, path, method, rejectUnauthorized: false, agent: false },
    headers: {
      authorization: `Bearer ${token.trim()}`,
      ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
    },
  }).end(payload)
  const [answer] = await once(asked, 'response')
  const text = Buffer.concat(await Array.fromAsync(answer as AsyncIterable<Buffer>)).toString()
  return { status: Number(answer.statusCode), body: (text === '' ? undefined : JSON.parse(text)) as T }
}
