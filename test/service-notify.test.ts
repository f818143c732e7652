// What systemd is told about the service, by its own program over its own protocol.
import { spawnSync } from 'node:child_process'
import { closeSync, fstatSync, openSync } from 'node:fs'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { isJournal, notifyReady, notifyStopping, startWatchdog } from '../appliance/service-notify.ts'
import { notifySocket, withoutSystemd } from './notify-socket.ts'

const shouldNotFail = (thrown: unknown) => t.fail(String(thrown))

/** A program in the place of systemd-notify: it writes down what it is called with. */
async function scribe(t: Test, then = ''): Promise<{ program: string; calls: () => Promise<string[]> }> {
  const directory = t.testdir({ calls: '' })
  const program = join(directory, 'notify')
  await writeFile(program, `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >> '${directory}/calls'\n${then}\n`)
  await chmod(program, 0o755)
  const calls = async () => (await readFile(join(directory, 'calls'), 'utf8')).split('\n').slice(0, -1)
  return { program, calls }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise(resolve => setTimeout(resolve, 5))
}

t.test('where no service manager waits, nothing is started', async t => {
  const { program, calls } = await scribe(t)
  await notifyReady({ env: {}, program })
  await notifyStopping({ env: { NOTIFY_SOCKET: '' }, program })
  startWatchdog({ env: { WATCHDOG_USEC: '2000' }, program, onFailure: shouldNotFail })()
  t.same(await calls(), [])
})

t.test('systemd is told that the service is ready, alive and stopping', { skip: withoutSystemd }, async t => {
  const manager = await notifySocket()
  t.teardown(() => manager.stop())
  const env = { NOTIFY_SOCKET: manager.path, WATCHDOG_USEC: '40000', WATCHDOG_PID: String(process.pid) }
  await notifyReady({ env })
  await manager.arrived('READY=1')
  const stop = startWatchdog({ env, onFailure: shouldNotFail })
  const keptAlive = setInterval(() => undefined, 1000)
  await manager.arrived('WATCHDOG=1')
  clearInterval(keptAlive)
  stop()
  await notifyStopping({ env })
  await manager.arrived('STOPPING=1')
  t.same([...new Set(manager.messages)], ['listening', 'READY=1', 'BARRIER=1', 'WATCHDOG=1', 'STOPPING=1'])
})

t.test('a manager that cannot be told is an error of who tells it', async t => {
  const env = { NOTIFY_SOCKET: '/none' }
  const { program } = await scribe(t, 'exit 3')
  await t.rejects(notifyReady({ env, program }), { code: 3 })
  await t.rejects(notifyStopping({ env, program: join(t.testdirName, 'none') }), { code: 'ENOENT' })
})

t.test('heartbeats go on after one that failed, and end when they are ended', async t => {
  const { program, calls } = await scribe(t, 'exit 1')
  const failures: unknown[] = []
  const stop = startWatchdog({
    env: { NOTIFY_SOCKET: '/none', WATCHDOG_USEC: '20000' },
    program,
    onFailure: thrown => failures.push(thrown),
  })
  await until(async () => failures.length >= 2)
  stop()
  const before = (await calls()).length
  t.match(await calls(), ['/none WATCHDOG=1', '/none WATCHDOG=1'])
  await new Promise(resolve => setTimeout(resolve, 60))
  t.ok((await calls()).length <= before + 1, 'one may have been under way')
})

t.test('a heartbeat that hangs is not joined by others', async t => {
  const { program, calls } = await scribe(t, 'exec sleep 0.3')
  const env = { NOTIFY_SOCKET: '/none', WATCHDOG_USEC: '10000' }
  const stop = startWatchdog({ env, program, onFailure: shouldNotFail })
  await until(async () => (await calls()).length > 0)
  await new Promise(resolve => setTimeout(resolve, 100))
  t.equal((await calls()).length, 1)
  stop()
})

t.test('an event loop that stands still sends no heartbeat', async t => {
  const { program, calls } = await scribe(t)
  const env = { NOTIFY_SOCKET: '/none', WATCHDOG_USEC: '20000' }
  const stop = startWatchdog({ env, program, onFailure: shouldNotFail })
  const until = performance.now() + 300
  while (performance.now() < until);
  t.same(await calls(), [])
  stop()
})

t.test('the watchdog of another process is not fed', async t => {
  const { program, calls } = await scribe(t)
  const env = { NOTIFY_SOCKET: '/none', WATCHDOG_USEC: '2000', WATCHDOG_PID: String(process.pid + 1) }
  startWatchdog({ env, program, onFailure: shouldNotFail })
  startWatchdog({ env: { NOTIFY_SOCKET: '/none', WATCHDOG_USEC: 'soon' }, program, onFailure: shouldNotFail })
  await new Promise(resolve => setTimeout(resolve, 50))
  t.same(await calls(), [])
})

t.test('the watchdog keeps no process alive', async t => {
  const source = `import { startWatchdog } from ${JSON.stringify(join(import.meta.dirname, '../appliance/service-notify.ts'))}
startWatchdog({ onFailure: console.error })`
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    env: { NOTIFY_SOCKET: '/none', WATCHDOG_USEC: '60000000' },
    timeout: 20_000,
    encoding: 'utf8',
  })
  t.equal(status, 0, stderr)
})

t.test('the journal is known by its device and inode, and by nothing else', async t => {
  const fd = openSync(join(t.testdir({ journal: '' }), 'journal'), 'r')
  t.teardown(() => closeSync(fd))
  const { dev, ino } = fstatSync(fd)
  t.equal(isJournal(fd, { JOURNAL_STREAM: `${dev}:${ino}` }), true)
  t.equal(isJournal(fd, { JOURNAL_STREAM: `${dev}:${ino + 1}` }), false, 'inherited, and led elsewhere since')
  t.equal(isJournal(fd, {}), false)
})
