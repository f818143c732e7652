// Runs Packer: the base disk, a payload, and out comes the system disk as a raw file.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { commandPath, run } from '../test/lab/tools.ts'
import { kvmWorks } from './kvm.ts'
import { diskMiB } from './layout.ts'

export interface SystemDisk {
  /** The raw disk that is built upon; it is not changed. */
  base: string
  /** A folder of this build's own with `payload.tar`; the key that is made in it must not outlive the build. */
  directory: string
  /** Seconds since 1970, for what writes dates. */
  modifiedAt: number
  onLine: (line: string) => void
  signal: AbortSignal
}

/**
 * Boots the base, has the payload installed, and switches the machine off again.
 * @returns the path of the raw disk in `directory`
 * @throws Error when Packer fails; its lines have told why
 */
export async function makeSystemDisk({ base, directory, modifiedAt, onLine, signal }: SystemDisk): Promise<string> {
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'builder', '-f', join(directory, 'builder')])
  const variables = {
    base,
    work: directory,
    out: join(directory, 'disk'),
    disk_mib: `${diskMiB}`,
    epoch: `${modifiedAt}`,
    accelerator: (await kvmWorks()) ? 'kvm' : 'tcg',
  }
  const args = Object.entries(variables).flatMap(([name, value]) => ['-var', `${name}=${value}`])
  let from = join(import.meta.dirname, 'appliance.pkr.hcl')
  if (await wantsPlugins(directory, signal)) {
    await packer(['init', join(import.meta.dirname, 'plugins.pkr.hcl')], directory, onLine, signal)
    from = import.meta.dirname // with the block that names the plugin
  }
  await packer(['build', '-color=false', ...args, from], directory, onLine, signal)
  const raw = join(directory, 'system.raw')
  await run('qemu-img', ['convert', '-O', 'raw', join(directory, 'disk/system.qcow2'), raw])
  return raw
}

/** Whether this Packer is 1.7 or newer, which takes the qemu builder from a plugin; Debian's 1.6.6 has it in it, and refuses the block. */
async function wantsPlugins(directory: string, signal: AbortSignal): Promise<boolean> {
  const lines: string[] = []
  await packer(['version'], directory, line => lines.push(line), signal)
  const [, major, minor] = /^Packer v(\d+)\.(\d+)/m.exec(lines.join('\n')) ?? []
  if (major === undefined) throw new Error(`packer version says "${lines.join(' ')}", and no version`)
  return Number(major) > 1 || Number(minor) >= 7
}

async function packer(
  args: string[],
  directory: string,
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted()
  const env = { ...process.env, CHECKPOINT_DISABLE: '1', PACKER_CACHE_DIR: join(directory, 'packer-cache') }
  const child = spawn(commandPath('packer') ?? 'packer', args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  // It stops its machine before it ends.
  const stop = () => child.kill('SIGTERM')
  signal.addEventListener('abort', stop)
  try {
    for (const output of [child.stdout, child.stderr]) {
      let rest = ''
      output.setEncoding('utf8').on('data', (text: string) => {
        const lines = (rest + text).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) if (line.trim() !== '') onLine(line)
      })
    }
    const status = await new Promise((done, failed) => child.on('error', failed).on('close', done))
    signal.throwIfAborted()
    if (status !== 0) throw new Error(`packer ended with status ${status}`)
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
