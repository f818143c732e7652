// Every file of the machine that the helper writes or removes, and nothing but these.
import { access, mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { replaceFile } from '../durable-file.ts'
import { syncDirectory } from '../private-file.ts'

const files = {
  /** Before the image's own, which is DHCP for any card. */
  network: { path: 'etc/systemd/network/20-hoist.network', mode: 0o644 },
  time: { path: 'etc/systemd/timesyncd.conf.d/20-hoist.conf', mode: 0o644 },
  hostname: { path: 'etc/hostname', mode: 0o644 },
  hosts: { path: 'etc/hosts', mode: 0o644 },
  /** Included by the firewall's input chain: empty or not there, nobody reaches port 22. */
  sshRule: { path: 'etc/hoist/firewall/ssh.nft', mode: 0o644 },
  /** May hold a password. */
  aptProxy: { path: 'etc/apt/apt.conf.d/20hoist-proxy', mode: 0o600 },
  /** A factory reset was asked for, and is done at the next start. */
  resetMark: { path: 'etc/hoist/factory-reset', mode: 0o644 },
  /** Made by the first boot: without it, the next boot is the first. */
  firstBootDone: { path: 'etc/hoist/first-boot-done', mode: 0o644 },
} as const

export type MachineFile = keyof typeof files

export interface MachineFiles {
  write(file: MachineFile, content: string): Promise<void>
  remove(file: MachineFile): Promise<void>
  exists(file: MachineFile): Promise<boolean>
}

/** @param root `/`, or a directory of a test */
export function machineFiles(root: string): MachineFiles {
  const at = (file: MachineFile) => join(root, files[file].path)
  return {
    async write(file, content) {
      await mkdir(dirname(at(file)), { recursive: true, mode: 0o755 })
      await replaceFile(at(file), content, files[file].mode)
    },
    async remove(file) {
      if (!(await exists(at(file)))) return
      await rm(at(file))
      await syncDirectory(at(file))
    },
    exists: file => exists(at(file)),
  }
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false, // For root there is no other reason than that it is not there.
  )
}
