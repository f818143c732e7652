// The process: it listens, drains on SIGTERM, keeps what it had, and says in one line why it cannot start.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, fstatSync, openSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { request } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { ApplianceProcess } from './demo/appliance-process.ts'
import { freePort } from './free-port.ts'
import { type Lab, startLab } from './lab/lab.ts'
import { notifySocket, withoutSystemd } from './notify-socket.ts'

const main = join(import.meta.dirname, '..', 'appliance', 'main.ts')

/** Starts the process and waits for its end: for starts that must fail. */
async function start(env: Record<string, string>): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [main], { env: { PATH: process.env.PATH, HOIST_PORT: '0', ...env } })
  const late = setTimeout(() => child.kill('SIGKILL'), 30_000)
  const [[code], stdout, stderr] = await Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)])
  clearTimeout(late)
  return { code, stdout, stderr }
}

async function refuses(t: Test, env: Record<string, string>, line: RegExp): Promise<void> {
  const { code, stderr } = await start(env)
  t.equal(code, 1)
  t.match(stderr, line)
  t.equal(stderr.trimEnd().split('\n').length, 1, stderr)
  t.notMatch(stderr, /INTERNAL|at .*\.ts:/)
}

function vcenterBody(lab: Lab) {
  const { host, connector, certificatePem } = lab.vcenter
  return { host, ...connector, trust: { kind: 'pinned', certificatePem } }
}

t.test('it drains on SIGTERM, exits 0, and the next start has token, certificate and settings', async t => {
  const lab = await startLab({ aws: false })
  t.teardown(() => lab.stop())
  const dataDir = join(t.testdir(), 'data')
  const logFile = join(t.testdirName, 'log')
  const first = await ApplianceProcess.start({ dataDir, logFile })
  t.teardown(() => first.stop('SIGKILL'))
  t.match(first.url, /^https:\/\/127\.0\.0\.1:\d+$/)
  await t.rejects(first.call('GET', '/api/jobs/none'), /404 NOT_FOUND/)
  await first.call('PUT', '/api/settings/vcenter', vcenterBody(lab))
  const settings = await first.call('GET', '/api/settings')
  const certificate = await readFile(join(dataDir, 'web.crt'), 'utf8')
  // Someone who watches must not hold up the end.
  const watching = first.follow(() => undefined, AbortSignal.timeout(60_000)).catch(() => undefined)
  await first.call('GET', '/api/catalog')
  const stopping = performance.now()
  const pid = first.pid
  process.kill(pid, 'SIGTERM')
  process.kill(pid, 'SIGTERM')
  await first.stop()
  await watching
  t.ok(performance.now() - stopping < 20_000)
  t.equal(first.exitCode, 0)

  const second = await ApplianceProcess.start({ dataDir, logFile })
  t.teardown(() => second.stop('SIGKILL'))
  t.equal(second.token, first.token)
  t.equal(await readFile(join(dataDir, 'web.crt'), 'utf8'), certificate)
  t.same(await second.call('GET', '/api/settings'), settings)

  t.comment('while it runs, its directory and its port are taken')
  await refuses(t, { HOIST_DATA_DIR: dataDir }, /^STORE_LOCKED: .*hoist\.db.*HOIST_DATA_DIR/)
  const port = new URL(second.url).port
  await refuses(
    t,
    { HOIST_DATA_DIR: join(t.testdirName, 'other'), HOIST_PORT: port },
    new RegExp(`^CONFIG_INVALID: .*port ${port}.*EADDRINUSE.* HOIST_PORT`),
  )
  t.equal(await second.call('GET', '/api/health/live').then(() => 'alive'), 'alive')
  await second.stop()
  t.equal(second.exitCode, 0)
  const log = await readFile(logFile, 'utf8')
  for (const secret of [lab.vcenter.connector.password, first.token]) t.notOk(log.includes(secret))
  t.notMatch(log, /DEP\d+|Warning/, 'and nothing it uses is deprecated')
})

t.test('an imported backup takes the place of everything within the same process, at the same address', async t => {
  const directory = t.testdir({ log: '' })
  const dataDir = join(directory, 'data')
  const appliance = await ApplianceProcess.start({
    dataDir,
    logFile: join(directory, 'log'),
    // A port of its own choice would be another one the second time.
    env: { HOIST_PORT: String(await freePort()) },
  })
  t.teardown(() => appliance.stop('SIGKILL'))
  const policy = await appliance.call<{ pauseAfterFailures: number }>('GET', '/api/policy')
  const { name } = await appliance.call<{ name: string }>('POST', '/api/backups')
  const passphrase = 'fourteen herons in a row'
  const send = async (method: string, path: string, body: Uint8Array | object) => {
    const isFile = body instanceof Uint8Array
    const ca = await readFile(join(dataDir, 'web.crt'))
    const headers = {
      authorization: `Bearer ${appliance.token}`,
      'content-type': isFile ? 'application/octet-stream' : 'application/json',
    }
    const outgoing = request(new URL(path, appliance.url), { method, headers, ca, agent: false })
    outgoing.end(isFile ? body : JSON.stringify(body))
    const [incoming] = await once(outgoing, 'response')
    return { status: incoming.statusCode, bytes: await buffer(incoming) }
  }
  const exported = await send('POST', `/api/backups/${name}/export`, { passphrase })
  t.equal(exported.status, 200)
  await appliance.call('PUT', '/api/policy', { ...policy, pauseAfterFailures: policy.pauseAfterFailures + 7 })
  t.equal((await send('PUT', '/api/backups/upload', exported.bytes)).status, 200)
  t.equal((await send('POST', '/api/backups/import', { passphrase })).status, 200)
  while (!(await appliance.call('GET', '/api/health/ready').catch(() => undefined)))
    await new Promise(resolve => setTimeout(resolve, 50))
  t.same(await appliance.call('GET', '/api/policy'), policy, 'it is again what it was')
  t.ok(appliance.runs)
  await appliance.stop()
  t.equal(appliance.exitCode, 0)
  t.notOk((await readFile(join(directory, 'log'), 'utf8')).includes(passphrase))
})

t.test('bad configuration is one line', async t => {
  const dataDir = t.testdir()
  await refuses(t, { HOIST_DATA_DIR: dataDir, HOIST_PORT: '99999' }, /^CONFIG_INVALID: HOIST_PORT is "99999"\. .*port/)
  await refuses(t, { HOIST_DATA_DIR: dataDir, HOIST_COLOUR: 'green' }, /^CONFIG_INVALID: .*HOIST_COLOUR.* HOIST_PORT/)
  await refuses(t, { HOIST_DATA_DIR: dataDir, HOIST_HOST: '192.0.2.1' }, /^CONFIG_INVALID: .*192\.0\.2\.1.* HOIST_HOST/)
})

t.test('a data directory that cannot be used is one line', async t => {
  const top = t.testdir({ file: 'not a directory' })
  await refuses(t, { HOIST_DATA_DIR: join(top, 'file') }, /^STORE_UNAVAILABLE: .*file.* HOIST_DATA_DIR/)
  await refuses(t, { HOIST_DATA_DIR: '/sys/none' }, /^STORE_UNAVAILABLE: .*\/sys\/none.* HOIST_DATA_DIR/)
})

t.test('a damaged database is served by the rescue mode, which ends on SIGTERM as well', async t => {
  const dataDir = t.testdir()
  await writeFile(join(dataDir, 'hoist.db'), 'this is no database, but it is long enough to be looked at'.repeat(99))
  const child = spawn(process.execPath, [main], {
    env: { PATH: process.env.PATH, HOIST_PORT: '0', HOIST_DATA_DIR: dataDir },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  const exit = once(child, 'exit')
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout as Readable })) {
    lines.push(line)
    if (line.includes('rescue mode ready')) child.kill('SIGTERM')
  }
  t.same((await exit)[0], 0)
  t.match(lines.join('\n'), /STORE_DAMAGED.*rescue mode ready/s)
})

t.test('a release on trial answers and starts nothing until it is proven', async t => {
  const directory = t.testdir({ data: {} })
  const upgradeState = join(directory, 'state.json')
  const backups = () => readdir(join(directory, 'data', 'backups')).catch(() => [])
  const start = () =>
    ApplianceProcess.start({
      dataDir: join(directory, 'data'),
      logFile: join(directory, 'log'),
      env: { HOIST_UPGRADE_STATE: upgradeState },
    })
  await writeFile(upgradeState, '{"phase":"trying","from":"1.0.0","to":"1.1.0"}')
  const first = await start()
  t.teardown(() => first.stop('SIGKILL'))
  t.same(await first.call('GET', '/api/health/ready'), { ok: true })
  await first.stop()
  t.equal(first.exitCode, 0, 'and stops as any other')
  const second = await start()
  t.teardown(() => second.stop('SIGKILL'))
  t.same(await second.call('GET', '/api/health/ready'), { ok: true })
  t.same(await backups(), [], 'the first daily backup would be taken at once')
  await writeFile(upgradeState, '{"phase":"settled"}')
  while ((await backups()).length === 0) await new Promise(resolve => setTimeout(resolve, 20))
  await second.stop()
  t.equal(second.exitCode, 0)
})

const withoutIpv6 = Object.values(networkInterfaces()).some(list => list?.some(entry => entry.address === '::1'))
  ? false
  : 'this machine has no IPv6'

t.test(
  'as its unit starts it: IPv6 and IPv4, a heartbeat, no setup code in the journal',
  {
    skip: withoutSystemd || withoutIpv6,
  },
  async t => {
    const manager = await notifySocket()
    t.teardown(() => manager.stop())
    const directory = t.testdir({ data: {}, journal: '' })
    const journal = openSync(join(directory, 'journal'), 'a')
    t.teardown(() => closeSync(journal))
    const { dev, ino } = fstatSync(journal)
    const child = spawn(process.execPath, [main], {
      env: {
        PATH: process.env.PATH,
        HOIST_DATA_DIR: join(directory, 'data'),
        HOIST_HOST: '::',
        HOIST_PORT: '0',
        NOTIFY_SOCKET: manager.path,
        WATCHDOG_USEC: '200000',
        JOURNAL_STREAM: `${dev}:${ino}`,
      },
      stdio: ['ignore', 'pipe', journal],
    })
    t.teardown(() => child.kill('SIGKILL'))
    const exit = once(child, 'exit')
    for await (const line of createInterface({ input: child.stdout as Readable })) {
      if (!line.includes('appliance ready')) continue
      const { port } = new URL(JSON.parse(line).address)
      for (const host of ['::1', '127.0.0.1']) {
        const socket = connect({ host, port: Number(port) })
        await once(socket, 'connect')
        socket.destroy()
      }
      await manager.arrived('READY=1')
      await manager.arrived('WATCHDOG=1')
      child.kill('SIGTERM')
    }
    t.same((await exit)[0], 0)
    await manager.arrived('STOPPING=1')
    t.notMatch(await readFile(join(directory, 'journal'), 'utf8'), /Setup code/)
  },
)

t.test('a port that a stranger holds is one line', async t => {
  const stranger = createServer().listen(0, '127.0.0.1')
  t.teardown(() => stranger.close())
  await once(stranger, 'listening')
  const { port } = stranger.address() as AddressInfo
  await refuses(t, { HOIST_DATA_DIR: t.testdir(), HOIST_PORT: String(port) }, /^CONFIG_INVALID: .*EADDRINUSE/)
})
