// A system disk of a few MiB with the parts of a real one, for the tests of what reads it.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ext4FileSystem, fatPartition, MiB, partitionedDisk, patch } from '../../packer/disk-image.ts'
import type { Layout } from '../../packer/layout.ts'

export const smallLayout: Layout = {
  biosGrub: { startMiB: 1, sizeMiB: 1, type: '21686148-6449-6E6F-744E-656564454649', name: 'bios' },
  esp: { startMiB: 2, sizeMiB: 16, type: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B', name: 'esp' },
  root: { startMiB: 18, sizeMiB: 13, type: '0FC63DAF-8483-4772-8E79-3D69D8477DE4', name: 'system' },
}

/** @param tree what its root file system holds @returns the raw disk's path, in `directory` */
export async function smallSystem(directory: string, tree: string): Promise<string> {
  const disk = join(directory, 'system.raw')
  const { biosGrub, esp, root } = smallLayout
  await partitionedDisk(disk, 32, 'gpt', [biosGrub, esp, root])
  await ext4FileSystem(disk, { offsetBytes: root.startMiB * MiB, sizeMiB: root.sizeMiB, label: 'root', from: tree })
  await writeFile(join(directory, 'efi'), 'loader')
  await fatPartition(disk, esp, 'ESP', [{ from: join(directory, 'efi'), to: 'EFI/BOOT/BOOTX64.EFI' }])
  await patch(disk, biosGrub.startMiB * MiB, Buffer.from('core'))
  return disk
}
