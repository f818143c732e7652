// One server of the lab as a child process: started, waited for, watched, ended; none outlives this process.

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** A server that could not be started, or has ended by itself. */
export class LabProcessError extends Error {}

export interface LabProcess extends AsyncDisposable {
  readonly name: string
  readonly pid: number
  /** What it printed on stderr, the last 64 KiB. */
  readonly log: string
  /** Rejects if the process ends before anybody asked for it; never resolves otherwise. */
  readonly died: Promise<never>
  stop(): Promise<void>
}

interface Command {
  name: string
  program: string
  args: string[]
  /** Written to stdin, which then stays open: our own programs exit when it closes, however we die. */
  input?: string
  /** The program is not ours and does not watch stdin: let the kernel kill it when this process dies. */
  foreign?: boolean
  env?: NodeJS.ProcessEnv
  signal?: AbortSignal | undefined
}

const startLimitMs = 60_000
const stopLimitMs = 5_000
const logCharacters = 65_536

/** Starts a program and waits until `ready` finds its answer in what it has printed so far (stdout, stderr). */
export async function startProcess<T>(
  command: Command,
  ready: (output: { stdout: string; stderr: string; pid: number }) => T | undefined | Promise<T | undefined>,
): Promise<{ process: LabProcess; ready: T }> {
  command.signal?.throwIfAborted()
  const { name } = command
  const [program, ...args] = command.foreign
    ? ['setpriv', '--pdeathsig', 'KILL', command.program, ...command.args]
    : [command.program, ...command.args]
  const child = spawn(program as string, args, { stdio: 'pipe', env: command.env ?? process.env })
  const output = collect(child)
  const ended = new Promise<string>(done => {
    child.on('error', error => done(error.message))
    child.on('close', (code, signal) => done(`ended with ${signal ?? `status ${code}`}`))
  })
  let asked = false
  const stop = async () => {
    asked = true
    child.stdin.end()
    child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), stopLimitMs)
    await ended
    clearTimeout(late)
  }
  const died = ended.then<never>(how => {
    if (asked) return new Promise<never>(() => undefined)
    throw new LabProcessError(`${name} ${how}\n${output.stderr.trimEnd()}`)
  })
  died.catch(() => undefined) // whoever waits for it gets it; nobody must
  child.stdin.on('error', () => undefined) // it ended before it read: `died` tells
  if (command.input !== undefined) child.stdin.write(command.input)

  let over = false
  const waiting = async (): Promise<T> => {
    for (;;) {
      if (over) return died
      const answer = await ready({ ...output, pid: child.pid ?? 0 })
      if (answer !== undefined) return answer
      await output.more()
    }
  }
  const started = performance.now()
  const limit = AbortSignal.any([AbortSignal.timeout(startLimitMs), ...(command.signal ? [command.signal] : [])])
  const late = new Promise<never>((_, failed) => {
    limit.addEventListener('abort', () => {
      const seconds = ((performance.now() - started) / 1000).toFixed(1)
      failed(new LabProcessError(`${name} was not ready after ${seconds} s\n${output.stderr.trimEnd()}`))
    })
  })
  late.catch(() => undefined) // the race below may be over before
  try {
    const answer = await Promise.race([waiting(), died, late])
    const handle: LabProcess = {
      name,
      pid: child.pid ?? 0,
      get log() {
        return output.stderr
      },
      died,
      stop,
      [Symbol.asyncDispose]: stop,
    }
    return { process: handle, ready: answer }
  } catch (error) {
    await stop()
    throw error
  } finally {
    over = true
  }
}

function collect(child: ChildProcessWithoutNullStreams) {
  let wake: () => void = () => undefined
  const output = {
    stdout: '',
    stderr: '',
    /** Resolves when there is more, or after 50 ms: some programs say nothing when they are ready. */
    more: () =>
      Promise.race([
        new Promise<void>(done => {
          wake = done
        }),
        sleep(50),
      ]),
  }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] = (output[name] + text).slice(-logCharacters)
      wake()
    })
  }
  return output
}

/** The first line of stdout, as JSON: how the lab's own programs say that they are ready. */
export function readyLine<T>({ stdout }: { stdout: string }): T | undefined {
  const end = stdout.indexOf('\n')
  return end < 0 ? undefined : (JSON.parse(stdout.slice(0, end)) as T)
}

/** The TCP port on which a process listens, from /proc: for programs that take port 0 but tell nobody what they got. */
export async function listeningPort(pid: number): Promise<number | undefined> {
  const sockets = new Set<string>()
  for (const descriptor of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
    // A descriptor may be closed between the listing and the look at it.
    const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '')
    const [, inode] = /^socket:\[(\d+)\]$/.exec(target) ?? []
    if (inode !== undefined) sockets.add(inode)
  }
  const table = await readFile(`/proc/${pid}/net/tcp`, 'utf8').catch(() => '')
  for (const line of table.split('\n').slice(1)) {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/)
    const listening = '0A' // include/net/tcp_states.h: TCP_LISTEN
    if (state === listening && sockets.has(inode)) return Number.parseInt(local.split(':')[1] ?? '', 16)
  }
  return undefined
}
