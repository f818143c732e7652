// Whether something keeps this machine's clock right: chrony or systemd-timesyncd, whichever answers.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

export interface TimeSync {
  /** Whose word this is. */
  source: 'chrony' | 'systemd-timesyncd'
  synchronized: boolean
  servers: string[]
  /** How far our clock is ahead of theirs, milliseconds. */
  offsetMs?: number
}

export type RunProgram = (file: string, args: readonly string[], signal: AbortSignal) => Promise<string>

/** A daemon that does not answer is none. */
const timeoutMs = 5_000

const runProgram: RunProgram = async (file, args, signal) => {
  const { stdout } = await promisify(execFile)(file, [...args], { signal, timeout: timeoutMs, env: { LC_ALL: 'C' } })
  return stdout
}

/** Undefined when nothing here can tell. */
export async function readTimeSync(signal: AbortSignal, run: RunProgram = runProgram): Promise<TimeSync | undefined> {
  for (const ask of [askChrony, askTimesyncd]) {
    try {
      return await ask((file, ...args) => run(file, args, signal))
    } catch {
      // Not installed, not running, or not for this user: the next may know.
      signal.throwIfAborted()
    }
  }
  return undefined
}

type Ask = (file: string, ...args: string[]) => Promise<string>

/** `chronyc -c tracking`: comma-separated, in the order of `chronyc tracking`'s lines. Source: chronyc(1). */
async function askChrony(run: Ask): Promise<TimeSync> {
  const tracking = (await run('/usr/bin/chronyc', '-c', 'tracking')).trim().split(',')
  const sources = (await run('/usr/bin/chronyc', '-c', 'sources')).trim().split('\n')
  const offsetSeconds = Number(tracking[4])
  return {
    source: 'chrony',
    synchronized: tracking[13] !== undefined && tracking[13] !== 'Not synchronised',
    servers: sources.map(line => line.split(',')[2] ?? '').filter(name => name !== ''),
    ...(Number.isFinite(offsetSeconds) ? { offsetMs: Math.round(offsetSeconds * 1000) } : {}),
  }
}

/** `timedatectl show` and `timedatectl show-timesync`: lines of KEY=VALUE. Source: timedatectl(1). */
async function askTimesyncd(run: Ask): Promise<TimeSync> {
  const clock = keysOf(await run('/usr/bin/timedatectl', 'show'))
  const synchronized = clock.get('NTPSynchronized')
  if (synchronized === undefined) throw new Error('timedatectl does not say')
  const sync = keysOf(await run('/usr/bin/timedatectl', 'show-timesync').catch(() => '')) // Another daemon keeps the time.
  const named = [sync.get('ServerName'), sync.get('SystemNTPServers'), sync.get('LinkNTPServers')]
  const servers = named.flatMap(names => names?.split(' ') ?? []).filter(name => name !== '')
  return { source: 'systemd-timesyncd', synchronized: synchronized === 'yes', servers: [...new Set(servers)] }
}

function keysOf(text: string): Map<string, string> {
  return new Map(
    text.split('\n').flatMap(line => {
      const at = line.indexOf('=')
      return at === -1 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const]
    }),
  )
}
