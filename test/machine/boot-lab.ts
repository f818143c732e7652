// A machine's disks and TPM in a directory: disks are image files; mount and resize are only written down, other tools are real.
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ApplianceError } from '../../appliance/errors.ts'
import type { BlockDevice } from '../../appliance/machine/block-devices.ts'
import type { MachineFiles } from '../../appliance/machine/machine-files.ts'
import { type RunProgram, runProgram } from '../../appliance/machine/run-program.ts'

export const gibibyte = 1024 ** 3

export type LabDisk = Partial<BlockDevice> & { path: string }
type Special = (words: string, args: readonly string[]) => string | undefined

/** As lsblk prints it. */
export function lsblkText(disks: readonly LabDisk[]): string {
  const node = (disk: LabDisk): object => ({
    path: disk.path,
    type: disk.kind ?? 'disk',
    size: disk.sizeBytes ?? 4 * gibibyte,
    ro: disk.readOnly ?? false,
    mountpoints: disk.mountpoints ?? [null],
    serial: disk.serial ?? null,
    wwn: null,
    ...(disk.divided ? { children: [node({ path: `${disk.path}1`, kind: 'part', sizeBytes: 4096 })] } : {}),
  })
  return JSON.stringify({ blockdevices: disks.map(node) })
}

/** A sparse file. */
export function blankDisk(path: string, sizeBytes = 4 * gibibyte): string {
  writeFileSync(path, '')
  truncateSync(path, sizeBytes)
  return path
}

/** Programs of a machine whose disks are these. What `special` answers is not run. */
export function labPrograms(disks: readonly LabDisk[], special: Special = () => undefined) {
  const ran: string[] = []
  const run: RunProgram = async (file, args, signal, options) => {
    const words = [file.split('/').at(-1), ...args].join(' ')
    ran.push(words)
    const answer = special(words, args)
    if (answer !== undefined) return answer
    if (file.endsWith('/lsblk')) return lsblkText(disks)
    if (/\/(wipefs|mkfs\.ext4|e2fsck|find)$/.test(file)) return await runProgram(file, args, signal, options)
    return ''
  }
  return { run, ran }
}

/** A machine whose power is cut before it writes or removes a file, or runs a program, once it has done so many times. */
export function cutAfter(steps: number, { files, run }: { files: MachineFiles; run: RunProgram }) {
  let left = steps
  const step = () => {
    if (left-- <= 0) throw new Error('cut')
  }
  const cutFiles: MachineFiles = {
    ...files,
    write: async (...given) => {
      step()
      await files.write(...given)
    },
    remove: async file => {
      step()
      await files.remove(file)
    },
  }
  const cutRun: RunProgram = async (...given) => {
    step()
    return await run(...given)
  }
  return { files: cutFiles, run: cutRun }
}

/** systemd-creds on a machine with this TPM: what another has sealed does not open. */
export function labTpm(name: string): Special {
  const mark = Buffer.from(`${name}:`)
  return (words, args) => {
    if (!words.startsWith('systemd-creds ')) return undefined
    const [from = '', to = ''] = args.slice(-2)
    const bytes = readFileSync(from)
    if (args[0] === 'encrypt') writeFileSync(to, Buffer.concat([mark, bytes]))
    else if (bytes.subarray(0, mark.length).equals(mark)) writeFileSync(to, bytes.subarray(mark.length))
    else throw new Error('integrity check failed')
    return ''
  }
}

/** How the programs that ask the hypervisor say that there is nothing; or, with other words, that they have failed. */
export function hypervisorSays(words = 'No value found', status = 1): ApplianceError {
  const cause = Object.assign(new Error('Command failed'), { code: status, stderr: `${words}\n` })
  return new ApplianceError('MACHINE_FAILED', 'vmware-rpctool failed', { cause, hint: 'None.' })
}

/** The directories of a machine and its list of users. Only root gives files away: for anybody else the service is they. */
export function labRoot(root: string): string {
  for (const place of ['etc/ssh', 'etc/hoist', 'var/lib/hoist', 'run', 'sys/class/dmi/id', 'dev'])
    mkdirSync(join(root, place), { recursive: true })
  const uid = process.getuid?.() || 900
  writeFileSync(
    join(root, 'etc/passwd'),
    `root:x:0:0::/:/bin/sh\nhoist:x:${uid}:${process.getgid?.() || 900}::/:/bin/false\n`,
  )
  return root
}
