// Boots disks in qemu and waits for the login prompt on the serial console: the proof that a replica is a whole server.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { kvmWorks } from '../../../packer/kvm.ts'
import { ensureTools, run } from '../tools.ts'

export interface BootOptions {
  firmware: 'bios' | 'efi'
  /** How long the guest may take to its prompt. Under emulation on two cores it takes about half a minute. */
  timeoutMs: number
  /** Memory of the guest in MiB. */
  memoryMiB?: number
  /** Called with the console's text as it comes. */
  onConsole?: (text: string) => void
  signal?: AbortSignal
}

export class BootError extends Error {}

/**
 * Boots from the first of these raw files (nothing is written to any of them) and waits for `login:` on ttyS0.
 * @returns seconds from the start of qemu to the prompt.
 * @throws BootError with the end of the console's text when the guest stops or the time is up.
 */
export async function bootGuest(rawFiles: string[], options: BootOptions): Promise<number> {
  await ensureTools(['boot'])
  const memory = options.memoryMiB ?? 1024
  const args = [
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-serial', 'stdio', '-monitor', 'none'],
    ...['-machine', options.firmware === 'efi' ? 'q35' : 'pc', '-smp', '2', '-m', `${memory}`],
    ...(await acceleration()),
    ...(options.firmware === 'efi' ? uefi() : []),
    ...rawFiles.flatMap(file => ['-drive', `file=${file.replaceAll(',', ',,')},format=raw,if=virtio,snapshot=on`]),
  ]
  const started = performance.now()
  const limit = AbortSignal.any([AbortSignal.timeout(options.timeoutMs), ...(options.signal ? [options.signal] : [])])
  const qemu = spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const stop = () => qemu.kill('SIGKILL')
  limit.addEventListener('abort', stop)
  process.on('exit', stop)
  let text = ''
  try {
    return await new Promise<number>((done, failed) => {
      qemu.on('error', failed)
      qemu.on('close', status => {
        const why = limit.aborted ? `no login prompt within ${options.timeoutMs / 1000} s` : `qemu ended (${status})`
        failed(new BootError(`${why}; the console's last text:\n${text.slice(-2000)}`))
      })
      for (const stream of [qemu.stdout, qemu.stderr]) {
        stream.setEncoding('utf8').on('data', (chunk: string) => {
          options.onConsole?.(chunk)
          text = (text + chunk).slice(-8192)
          if (/ login: *$/.test(text)) done((performance.now() - started) / 1000)
        })
      }
    })
  } finally {
    stop()
    limit.removeEventListener('abort', stop)
    process.removeListener('exit', stop)
  }
}

/** KVM where it can be relied upon; emulation otherwise. */
export async function acceleration(): Promise<string[]> {
  if (await kvmWorks()) return ['-accel', 'kvm', '-cpu', 'host']
  const threads = runsChangedCode(await run('qemu-system-x86_64', ['--version'])) ? 'multi' : 'single'
  return ['-accel', `tcg,thread=${threads}`, '-cpu', 'max']
}

/**
 * Before 8.1, several processors at once run outdated translations of code that one of them has changed: Node ends by SIGSEGV
 * in one of three starts. Source: qemu's commit deba78709ae8, "accel/tcg: Always lock pages before translation".
 */
export function runsChangedCode(version: string): boolean {
  const [major = 0, minor = 0] = /version (\d+)\.(\d+)/.exec(version)?.slice(1).map(Number) ?? []
  return major > 8 || (major === 8 && minor >= 1)
}

export function uefi(): string[] {
  const folder = '/usr/share/OVMF'
  const size = existsSync(`${folder}/OVMF_CODE_4M.fd`) ? '_4M' : ''
  return [
    ...['-drive', `if=pflash,unit=0,format=raw,readonly=on,file=${folder}/OVMF_CODE${size}.fd`],
    ...['-drive', `if=pflash,unit=1,format=raw,snapshot=on,file=${folder}/OVMF_VARS${size}.fd`],
  ]
}
