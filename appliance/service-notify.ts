// What the service manager is told: ready, stopping, and a heartbeat for as long as the event loop turns. Source: sd_notify(3).
import { execFile } from 'node:child_process'
import { fstatSync } from 'node:fs'
import { promisify } from 'node:util'

/** Node has no datagram sockets of Unix. The unit has to say NotifyAccess=all, as this is a child. */
const systemdNotify = '/usr/bin/systemd-notify'
/** The manager answers within milliseconds; while it reloads its units, within seconds. */
const timeoutMs = 10_000

export interface NotifyOptions {
  env?: Readonly<Record<string, string | undefined>>
  program?: string
}

/** The service listens. Nothing happens where no service manager waits. @throws when the manager cannot be told */
export async function notifyReady(options: NotifyOptions = {}): Promise<void> {
  await notify('--ready', options)
}

/** The service is about to end. @throws when the manager cannot be told */
export async function notifyStopping(options: NotifyOptions = {}): Promise<void> {
  await notify('STOPPING=1', options)
}

export interface WatchdogOptions extends NotifyOptions {
  /** A heartbeat that could not be sent: the next one is tried, and the manager ends the service if none comes. */
  onFailure(thrown: unknown): void
}

/**
 * Beats at half the interval that the manager has set: a loop that stands still sends nothing, and the manager starts the
 * service anew. Nothing happens where no manager watches. Keeps no process alive.
 * @returns ends it
 */
export function startWatchdog({ onFailure, ...options }: WatchdogOptions): () => void {
  const beatMs = watchdogMs(options.env ?? process.env) / 2
  if (!(beatMs > 0)) return () => undefined
  let beating = false
  const beat = () => {
    // One that waits for a manager who is busy is enough.
    if (beating) return
    beating = true
    notify('WATCHDOG=1', options)
      .catch(onFailure)
      .finally(() => {
        beating = false
      })
  }
  const timer = setInterval(beat, beatMs).unref()
  return () => clearInterval(timer)
}

/** Whether a file descriptor is the journal, where nothing secret may be written. Source: JOURNAL_STREAM in systemd.exec(5). */
export function isJournal(fd: number, env: Readonly<Record<string, string | undefined>> = process.env): boolean {
  if (!env.JOURNAL_STREAM) return false
  const { dev, ino } = fstatSync(fd)
  return env.JOURNAL_STREAM === `${dev}:${ino}`
}

async function notify(message: string, { env = process.env, program = systemdNotify }: NotifyOptions): Promise<void> {
  const { NOTIFY_SOCKET } = env
  if (!NOTIFY_SOCKET) return
  await promisify(execFile)(program, [message], { env: { NOTIFY_SOCKET }, timeout: timeoutMs })
}

/** NaN or 0 where no manager watches this very process. */
function watchdogMs({
  NOTIFY_SOCKET,
  WATCHDOG_USEC,
  WATCHDOG_PID,
}: Readonly<Record<string, string | undefined>>): number {
  if (!NOTIFY_SOCKET || (WATCHDOG_PID && WATCHDOG_PID !== String(process.pid))) return 0
  return Number(WATCHDOG_USEC) / 1000
}
