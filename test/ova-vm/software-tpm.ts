// A TPM 2.0 for a machine in qemu, by swtpm: its state is in a directory, and moves from machine to machine with it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface SoftwareTpm {
  /** For qemu. */
  args: string[]
  /** Resolves when nothing holds the state any more. */
  stop(): Promise<void>
}

const startMs = 20_000

/** With its socket in the directory of the machine. Ends with this process. @throws Error with what swtpm says */
export async function startTpm(state: string, directory: string): Promise<SoftwareTpm> {
  const socket = join(directory, 'tpm')
  const words = ['socket', '--tpm2', '--tpmstate', `dir=${state}`, '--ctrl', `type=unixio,path=${socket}`]
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'swtpm', ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4096)
    })
  const ended = once(child, 'close')
  const stop = async () => {
    child.kill()
    await ended
  }
  const lateMs = performance.now() + startMs
  for (;;) {
    const listens = await access(socket).then(
      () => true,
      () => false, // not yet
    )
    if (listens) break
    if (child.exitCode !== null || performance.now() > lateMs) {
      await stop()
      throw new Error(`swtpm did not start: ${said}`)
    }
    await sleep(50)
  }
  // vSphere's TPM speaks by CRB, too.
  const device = ['-tpmdev', 'emulator,id=tpm,chardev=tpm', '-device', 'tpm-crb,tpmdev=tpm']
  return { args: ['-chardev', `socket,id=tpm,path=${socket}`, ...device], stop }
}
