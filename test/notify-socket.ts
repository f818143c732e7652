// A service manager's end of sd_notify(3): a datagram socket of Unix, which Node has not, so Python listens.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** Why there is none on this machine; false when there is. */
export const withoutSystemd = existsSync('/usr/bin/systemd-notify') ? false : 'needs /usr/bin/systemd-notify'

export interface NotifySocket {
  path: string
  /** What has arrived so far. */
  messages: string[]
  /** Resolves when the message has arrived. */
  arrived(message: string): Promise<void>
  stop(): Promise<void>
}

// Whoever sends waits for the barrier: a file descriptor that is closed once everything before it has been read.
const listener = `
import array, os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print('listening', flush=True)
while True:
    data, ancillary, _, _ = s.recvmsg(4096, 4096)
    for level, kind, fds in ancillary:
        if kind == socket.SCM_RIGHTS:
            for fd in array.array('i', fds[:len(fds) - len(fds) % 4]): os.close(fd)
    for line in data.decode().splitlines(): print(line, flush=True)
`

export async function notifySocket(): Promise<NotifySocket> {
  // Paths of sockets are short: a directory of a test would be too long.
  const directory = await mkdtemp(join(tmpdir(), 'notify-'))
  const path = join(directory, 'socket')
  const child = spawn('python3', ['-c', listener, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const messages: string[] = []
  const waiting = new Map<string, () => void>()
  createInterface({ input: child.stdout }).on('line', line => {
    messages.push(line)
    waiting.get(line)?.()
  })
  const arrived = async (message: string) => {
    if (messages.includes(message)) return
    const { promise, resolve } = Promise.withResolvers<void>()
    waiting.set(message, resolve)
    await promise
  }
  await arrived('listening')
  return {
    path,
    messages,
    arrived,
    async stop() {
      child.kill('SIGKILL')
      await ended
      await rm(directory, { recursive: true })
    },
  }
}
