// The console as systemd runs it: a process on a pseudo-terminal, before a real service and a real helper's socket.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { dispatcher } from '../appliance/machine/dispatch.ts'
import { serveLines } from '../appliance/machine/line-server.ts'
import { machineFiles } from '../appliance/machine/machine-files.ts'
import { perform } from '../appliance/machine/perform.ts'
import { goodPassword, otherPassword } from './accounts/access-lab.ts'
import { ScreenModel } from './console/screen-model.ts'
import { ApplianceProcess } from './demo/appliance-process.ts'

const program = join(import.meta.dirname, '..', 'appliance', 'console.ts')
const untilMs = 30_000

class RunningConsole {
  readonly screen = new ScreenModel()
  readonly #child: ChildProcessWithoutNullStreams
  /** All that it has sent. */
  sent = ''

  constructor(env: Record<string, string>) {
    // script(1) gives it a terminal of its own; what is typed is piped.
    const command = `stty rows 24 cols 80; exec ${process.execPath} ${program}`
    this.#child = spawn('script', ['--quiet', '--flush', '--return', '--command', command, '/dev/null'], {
      env: { PATH: process.env.PATH ?? '', TERM: 'linux', SHELL: '/bin/sh', ...env },
    })
    this.#child.stdout.setEncoding('latin1').on('data', (text: string) => {
      this.sent += text
      this.screen.write(text)
    })
  }

  type(text: string): void {
    this.#child.stdin.write(text)
  }

  /** Of the console itself: script(1) stands between. */
  async pid(): Promise<number> {
    const path = `/proc/${this.#child.pid}/task/${this.#child.pid}/children`
    return Number((await readFile(path, 'utf8')).trim())
  }

  /** The other side of the terminal goes away. */
  hangUp(): void {
    this.#child.kill('SIGKILL')
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  async shows(wanted: RegExp): Promise<string> {
    const lateAt = performance.now() + untilMs
    while (!wanted.test(this.screen.text)) {
      if (performance.now() > lateAt || this.ended) throw new Error(`${wanted} was not shown but:\n${this.screen.text}`)
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    return this.screen.text
  }

  async stop(): Promise<void> {
    if (this.ended) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }
}

/** Short: a socket's path may not be long. */
async function directoryOf(t: Test): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'hoist-console-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  return directory
}

async function start(t: Test) {
  const directory = await directoryOf(t)
  const root = join(directory, 'root')
  await mkdir(root)
  const socket = join(directory, 'socket')
  const ran: string[] = []
  const run = async (file: string, args: readonly string[]) => {
    ran.push([file, ...args].join(' '))
    return ''
  }
  const performer = {
    files: machineFiles(root),
    run,
    upgrade: () => Promise.reject(new Error('none here')),
  }
  const answer = dispatcher(
    (verb, signal) => perform(verb, performer, signal),
    thrown => t.fail(String(thrown)),
  )
  const helper = await serveLines({ path: socket, answer, onFailure: thrown => t.fail(String(thrown)) })
  t.teardown(() => helper.close())
  const dataDir = join(directory, 'data')
  const logFile = join(directory, 'log')
  const service = await ApplianceProcess.start({ dataDir, logFile, env: { HOIST_HEALTH_MS: '0' } })
  t.teardown(() => service.stop('SIGKILL'))
  const console = new RunningConsole({
    HOIST_DATA_DIR: dataDir,
    HOIST_HOST: '127.0.0.1',
    HOIST_PORT: new URL(service.url).port,
    HOIST_MACHINE_SOCKET: socket,
  })
  t.teardown(() => console.stop())
  return { root, ran, service, console, logFile, dataDir }
}

t.test('an admin reads the code, sets time servers, resets a password, and nothing typed ends the console', async t => {
  const { root, service, console, logFile, ran } = await start(t)
  const first = await console.shows(/K|[A-Z]( [A-Z]){3} {2}-/)
  await console.shows(/Setup code {5}[A-Z]( [A-Z]){3} {2}- /)
  t.match(first, /^ Hoist \d/)
  const code = /Setup code +([A-Z -]+?)\s*\n/.exec(console.screen.text)?.[1]?.replaceAll(' ', '') ?? ''
  t.match(code, /^[A-Z]{4}(-[A-Z]{4}){3}$/)

  console.type('\x03\x1a\x1c\x04\x11\x13\x00')
  console.type('3')
  await console.shows(/Time servers/)
  console.type('ntp1.example.com\r\rn')
  await console.shows(/Hoist \d/)
  console.type('3')
  await console.shows(/Time servers/)
  console.type('ntp1.example.com\r\ry')
  await console.shows(/time servers are in force/)
  t.match(await readFile(join(root, 'etc/systemd/timesyncd.conf.d/20-hoist.conf'), 'utf8'), 'NTP=ntp1.example.com')
  t.match(ran.join('\n'), 'restart systemd-timesyncd.service')

  t.comment('claimed: the code goes away by itself')
  await service.call('POST', '/api/accounts', { name: 'anna', role: 'administrator', password: goodPassword })
  console.type('\r')
  await console.shows(/Hoist \d/)
  const lateAt = performance.now() + untilMs
  while (console.screen.text.includes('Setup code') && performance.now() < lateAt)
    await new Promise(resolve => setTimeout(resolve, 100))
  t.notMatch(console.screen.text, /Setup code/)

  console.type('4')
  await console.shows(/\(\*\) anna/)
  console.type(`\r${otherPassword}\r${otherPassword}\r\r`)
  await console.shows(/The password of anna is changed\.\s+Apply/)
  console.type('y')
  await console.shows(/its sessions are ended/)
  const { items } = await service.call<{ items: { actor: { name: string }; request?: { act?: string } }[] }>(
    'GET',
    '/api/audit',
  )
  t.strictSame(
    items.filter(({ actor }) => actor.name === 'the console').map(({ request }) => request?.act),
    ['reset-password', 'time'],
  )

  t.comment('escape, certificate, log; the terminal was never written over its edge')
  console.type('\x1b')
  await console.shows(/Hoist \d/)
  console.type('5')
  await console.shows(/BEGIN CERTIFICATE/)
  console.type('\x1b')
  await console.shows(/Hoist \d/)
  console.type('81')
  await console.shows(/INFO/)
  t.strictSame(console.screen.faults, [])
  t.notMatch(console.sent, otherPassword)
  const log = await readFile(logFile, 'utf8')
  t.notMatch(log.replaceAll(/^Setup code:.*$/gm, ''), code)
  t.notOk(console.ended)

  t.comment('signals of a keyboard do nothing; a line that is hung up ends it, for systemd to start it anew')
  const pid = await console.pid()
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGTSTP'] as const) process.kill(pid, signal)
  console.type('\x1b')
  await console.shows(/Log bundle over this line/)
  console.hangUp()
  await gone(pid)
})

async function gone(pid: number): Promise<void> {
  const lateAt = performance.now() + untilMs
  for (;;) {
    try {
      process.kill(pid, 0)
    } catch {
      return // There is no such process any more.
    }
    if (performance.now() > lateAt) throw new Error(`process ${pid} has not ended`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

t.test('asked to end, it leaves the terminal as others expect it', async t => {
  const directory = await directoryOf(t)
  const console = new RunningConsole({ HOIST_DATA_DIR: directory, HOIST_PORT: '1' })
  t.teardown(() => console.stop())
  await console.shows(/Health/)
  t.equal(console.screen.cursorShown, false)
  const pid = await console.pid()
  process.kill(pid, 'SIGTERM')
  await gone(pid)
  t.equal(console.screen.cursorShown, true)
})

t.test('without data, service and helper it says so and stays', async t => {
  const directory = await directoryOf(t)
  const console = new RunningConsole({
    HOIST_DATA_DIR: join(directory, 'none'),
    HOIST_HOST: '127.0.0.1',
    HOIST_PORT: '1',
    HOIST_MACHINE_SOCKET: join(directory, 'none'),
  })
  t.teardown(() => console.stop())
  t.match(await console.shows(/Health +The service (is starting|is stopped|has failed)/), /^ Hoist/)
  for (const key of ['1', '3', '6', '7']) {
    console.type(key)
    await console.shows(/\(MACHINE_UNAVAILABLE\)/)
    console.type('\r')
    await console.shows(/^ Hoist/)
  }
  console.type('2')
  await console.shows(/\(SERVICE_SILENT\)/)
  console.type('\r')
  await console.shows(/^ Hoist/)
  console.type('5')
  await console.shows(/There is no certificate yet/)
  t.strictSame(console.screen.faults, [])
  t.notOk(console.ended)
})
