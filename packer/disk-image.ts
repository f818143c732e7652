// Raw disk images made without root's loop devices or mounts: partition tables, file systems at an offset, files in them.

import { open, rm, truncate, writeFile } from 'node:fs/promises'
import { run } from '../test/lab/tools.ts'

export const MiB = 1024 * 1024
export const sectorBytes = 512

/** One partition, in MiB from the start of the disk; `type` as sfdisk names it (an alias, a GUID or a hex code). */
export interface Partition {
  startMiB: number
  sizeMiB: number
  type: string
  name?: string
  bootable?: boolean
  /** The partition's own GUID; a random one if left out. */
  uuid?: string
}

/** Makes or empties a file that is all hole. */
export async function emptyFile(path: string, sizeMiB: number): Promise<void> {
  await writeFile(path, '')
  await truncate(path, sizeMiB * MiB)
}

/** Makes a sparse disk with a partition table, by sfdisk; `uuid` is the table's own, a random one if left out. */
export async function partitionedDisk(
  path: string,
  sizeMiB: number,
  label: 'gpt' | 'dos',
  partitions: Partition[],
  uuid?: string,
): Promise<void> {
  await emptyFile(path, sizeMiB)
  const lines = partitions.map(({ startMiB, sizeMiB, type, name, bootable, uuid }) =>
    [
      `start=${(startMiB * MiB) / sectorBytes}`,
      `size=${(sizeMiB * MiB) / sectorBytes}`,
      `type=${type}`,
      ...(name === undefined ? [] : [`name="${name}"`]),
      ...(uuid === undefined ? [] : [`uuid=${uuid}`]),
      ...(bootable ? ['bootable'] : []),
    ].join(', '),
  )
  const header = [`label: ${label}`, ...(uuid === undefined ? [] : [`label-id: ${uuid}`])]
  await run('sfdisk', ['--quiet', path], { input: [...header, ...lines, ''].join('\n') })
}

/**
 * Makes a FAT file system with files in it (`to` like `EFI/BOOT/BOOTX64.EFI`), by mtools, and places it in its partition.
 * `serial` is the volume's, eight hex digits; a random one if left out.
 */
export async function fatPartition(
  disk: string,
  partition: Partition,
  label: string,
  files: { from: string; to: string }[],
  serial?: string,
): Promise<void> {
  // Made in a file of its own: at an offset, mkfs.vfat takes the size of the whole disk to choose its cluster size.
  const image = `${disk}.fat`
  await emptyFile(image, partition.sizeMiB)
  const bits = partition.sizeMiB >= 64 ? '32' : '16'
  const hiddenSectors = `${(partition.startMiB * MiB) / sectorBytes}`
  const identity = serial === undefined ? [] : ['-i', serial]
  await run('mkfs.vfat', ['-F', bits, '-n', label, '-h', hiddenSectors, ...identity, image])
  const made = new Set<string>()
  for (const { from, to } of files) {
    const folders = to.split('/').slice(0, -1)
    for (let depth = 1; depth <= folders.length; depth++) {
      const folder = folders.slice(0, depth).join('/')
      if (!made.has(folder.toLowerCase())) await run('mmd', ['-i', image, `::/${folder}`])
      made.add(folder.toLowerCase())
    }
    await run('mcopy', ['-i', image, from, `::/${to}`])
  }
  await placeImage(image, disk, partition.startMiB)
  await rm(image)
}

/**
 * Makes an ext4 file system that holds a folder's content; GRUB 2.06 cannot read the two features that are left out.
 * `uuid` is the file system's; a random one if left out.
 */
export async function ext4FileSystem(
  disk: string,
  {
    offsetBytes,
    sizeMiB,
    label,
    from,
    uuid,
  }: { offsetBytes: number; sizeMiB: number; label: string; from: string; uuid?: string },
): Promise<void> {
  if (offsetBytes === 0) {
    await emptyFile(disk, sizeMiB)
  }
  const options = ['-q', '-F', '-t', 'ext4', '-O', '^metadata_csum_seed,^orphan_file', '-L', label, '-d', from]
  const identity = uuid === undefined ? [] : ['-U', uuid]
  await run('mke2fs', [...options, ...identity, '-E', `offset=${offsetBytes}`, disk, `${sizeMiB * 1024}k`])
}

/** Copies an image into a disk at an offset, leaving holes where it has zeros. */
export async function placeImage(image: string, disk: string, offsetMiB: number): Promise<void> {
  await run('dd', [`if=${image}`, `of=${disk}`, 'bs=1M', `seek=${offsetMiB}`, 'conv=sparse,notrunc', 'status=none'])
}

/** Writes bytes at an offset of an existing file. */
export async function patch(path: string, offsetBytes: number, bytes: Uint8Array): Promise<void> {
  await using file = await open(path, 'r+')
  await file.write(bytes, 0, bytes.length, offsetBytes)
}
