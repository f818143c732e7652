// Every file of the machine that the helper writes or removes, and nothing but these.
import { access, chmod, mkdir, readFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { replaceFile } from '../durable-file.ts'
import { ignoreMissing } from '../missing-file.ts'
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
  /** Whether security updates are installed by themselves. */
  updates: { path: 'etc/apt/apt.conf.d/20hoist-updates', mode: 0o644 },
  /** Public keys of who may sign in as root, once SSH is switched on. */
  sshKeys: { path: 'etc/hoist/ssh-authorized-keys', mode: 0o600 },
  /** What this system disk's first boot was given; until that has ended, the setup code among it: ADR 0009. */
  deploymentProperties: { path: 'etc/hoist/deployment-properties.json', mode: 0o600 },
  /** What the first boot and the TPM could not use: for the console and the page. */
  findings: { path: 'etc/hoist/first-boot-findings.json', mode: 0o644 },
  /** The disk that is being made the data disk. */
  formatting: { path: 'etc/hoist/data-disk-formatting', mode: 0o644 },
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
  /** Undefined when it is not there. */
  read(file: MachineFile): Promise<string | undefined>
}

/** @param root `/`, or a directory of a test */
export function machineFiles(root: string): MachineFiles {
  const at = (file: MachineFile) => join(root, files[file].path)
  return {
    async write(file, content) {
      // Programs of other users read there, whatever the process's umask is.
      if (await mkdir(dirname(at(file)), { recursive: true })) await chmod(dirname(at(file)), 0o755)
      await replaceFile(at(file), content, files[file].mode)
    },
    async remove(file) {
      if (!(await exists(at(file)))) return
      await rm(at(file))
      await syncDirectory(at(file))
    },
    exists: file => exists(at(file)),
    read: async file => await readFile(at(file), 'utf8').catch(ignoreMissing),
  }
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false, // For root there is no other reason than that it is not there.
  )
}
