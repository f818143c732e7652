// GRUB on a disk image, for BIOS and for UEFI: whole in one file each, as grub-install wants devices and mounts.

import { copyFile, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../test/lab/tools.ts'
import { fatPartition, MiB, type Partition, patch, sectorBytes } from './disk-image.ts'

export interface BootLoader {
  /** A folder for what is made on the way. */
  directory: string
  /** The raw disk; it has its partition table, and its root file system a /boot/grub/grub.cfg. */
  disk: string
  /** The root file system's label: both GRUBs find it by this. */
  label: string
  biosGrub: Partition
  esp: Partition
  /** Of the EFI partition's FAT; a random one if left out. */
  espSerial?: string
  /** The tree whose GRUB it is, so that its version is the one that the tree's packages name; this machine's if left out. */
  tree?: string
  /** Whether GRUB can speak on a serial line, too; it can if left out. */
  serial?: boolean
}

const modules = [
  ...[
    'part_gpt',
    'part_msdos',
    'ext2',
    'fat',
    'search',
    'search_label',
    'search_fs_uuid',
    'normal',
    'configfile',
    'linux',
  ],
  ...['terminal', 'boot', 'echo', 'test', 'true', 'regexp', 'sleep', 'loadenv', 'gzio'],
  // UEFI has no text mode: without a graphics mode, which GRUB sets, the kernel starts blind. The menu loads it by BIOS, too.
  'all_video',
]

/** Makes the disk boot both ways. */
export async function bootLoader(options: BootLoader): Promise<void> {
  await bootByUefi(options)
  await bootByBios(options)
}

async function grubImage(
  { directory, label, tree, serial = true }: BootLoader,
  format: string,
  output: string,
  more: string[],
): Promise<void> {
  // In a chroot, paths are those of the tree.
  const [outside, inside] = tree === undefined ? [directory, directory] : [join(tree, 'tmp'), '/tmp']
  const [command, ...first] = tree === undefined ? ['grub-mkimage'] : ['chroot', tree, 'grub-mkimage']
  const find = [`search --no-floppy --label ${label} --set root`, 'set prefix=($root)/boot/grub']
  await writeFile(join(outside, 'embedded.cfg'), [...find, 'configfile $prefix/grub.cfg', ''].join('\n'))
  const options = ['-O', format, '-o', join(inside, output), '-p', '/boot/grub', '-c', join(inside, 'embedded.cfg')]
  await run(command, [...first, ...options, ...modules, ...(serial ? ['serial'] : []), ...more])
  await rm(join(outside, 'embedded.cfg'))
  if (outside === directory) return
  await copyFile(join(outside, output), join(directory, output))
  await rm(join(outside, output))
}

async function bootByUefi(options: BootLoader): Promise<void> {
  await grubImage(options, 'x86_64-efi', 'BOOTX64.EFI', [])
  const from = join(options.directory, 'BOOTX64.EFI')
  await fatPartition(options.disk, options.esp, 'ESP', [{ from, to: 'EFI/BOOT/BOOTX64.EFI' }], options.espSerial)
}

/** What grub-bios-setup does: boot.img before the partition table, core.img in the BIOS partition, each knowing the next (GRUB manual; boot.S, diskboot.S). */
async function bootByBios(options: BootLoader): Promise<void> {
  const { disk, directory, biosGrub, tree = '/' } = options
  await grubImage(options, 'i386-pc', 'core.img', ['biosdisk'])
  const core = await readFile(join(directory, 'core.img'))
  const boot = (await readFile(join(tree, 'usr/lib/grub/i386-pc/boot.img'))).subarray(0, 440)
  if (core.length > biosGrub.sizeMiB * MiB)
    throw new Error(`core.img of ${core.length} bytes does not fit its partition`)
  const coreSector = (biosGrub.startMiB * MiB) / sectorBytes
  boot.writeBigUInt64LE(BigInt(coreSector), 0x5c)
  boot.writeUInt16LE(0x9090, 0x66) // no check of the drive number, as grub-bios-setup decides for hard disks
  core.writeBigUInt64LE(BigInt(coreSector + 1), 0x1f4) // the rest of core.img follows its own first sector
  await patch(disk, 0, boot)
  await patch(disk, coreSector * sectorBytes, core)
}
