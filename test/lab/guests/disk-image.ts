// Raw disk images made without root's loop devices or mounts: partition tables, file systems at an offset, files in them.

import { mkdir, open, rm, truncate, writeFile } from 'node:fs/promises'
import { run } from '../tools.ts'

export const MiB = 1024 * 1024
const sectorBytes = 512

/** One partition, in MiB from the start of the disk; `type` as sfdisk names it (an alias, a GUID or a hex code). */
export interface Partition {
  startMiB: number
  sizeMiB: number
  type: string
  name?: string
  bootable?: boolean
}

async function emptyFile(path: string, sizeMiB: number): Promise<void> {
  await writeFile(path, '')
  await truncate(path, sizeMiB * MiB)
}

/** Makes a sparse disk with a partition table, by sfdisk. */
export async function partitionedDisk(
  path: string,
  sizeMiB: number,
  label: 'gpt' | 'dos',
  partitions: Partition[],
): Promise<void> {
  await emptyFile(path, sizeMiB)
  const lines = partitions.map(({ startMiB, sizeMiB, type, name, bootable }) =>
    [
      `start=${(startMiB * MiB) / sectorBytes}`,
      `size=${(sizeMiB * MiB) / sectorBytes}`,
      `type=${type}`,
      ...(name === undefined ? [] : [`name="${name}"`]),
      ...(bootable ? ['bootable'] : []),
    ].join(', '),
  )
  await run('sfdisk', ['--quiet', path], { input: [`label: ${label}`, ...lines, ''].join('\n') })
}

/** Makes a FAT file system with files in it (`to` like `EFI/BOOT/BOOTX64.EFI`), by mtools, and places it in its partition. */
export async function fatPartition(
  disk: string,
  partition: Partition,
  label: string,
  files: { from: string; to: string }[],
): Promise<void> {
  // Made in a file of its own: at an offset, mkfs.vfat takes the size of the whole disk to choose its cluster size.
  const image = `${disk}.fat`
  await emptyFile(image, partition.sizeMiB)
  const bits = partition.sizeMiB >= 64 ? '32' : '16'
  const hiddenSectors = `${(partition.startMiB * MiB) / sectorBytes}`
  await run('mkfs.vfat', ['-F', bits, '-n', label, '-h', hiddenSectors, image])
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

/** Makes an ext4 file system that holds a folder's content; GRUB 2.06 cannot read the two features that are left out. */
export async function ext4FileSystem(
  disk: string,
  { offsetBytes, sizeMiB, label, from }: { offsetBytes: number; sizeMiB: number; label: string; from: string },
): Promise<void> {
  if (offsetBytes === 0) {
    await emptyFile(disk, sizeMiB)
  }
  const options = ['-q', '-F', '-t', 'ext4', '-O', '^metadata_csum_seed,^orphan_file', '-L', label, '-d', from]
  await run('mke2fs', [...options, '-E', `offset=${offsetBytes}`, disk, `${sizeMiB * 1024}k`])
}

/**
 * Makes an NTFS file system file with folders and files in it, by ntfs-3g's tools and library, without mounting it.
 * `startMiB` is where its partition begins: the boot sector names it.
 */
export async function ntfsFileSystem(
  path: string,
  content: {
    sizeMiB: number
    startMiB: number
    label: string
    folders: string[]
    files: { from: string; to: string }[]
  },
): Promise<void> {
  await emptyFile(path, content.sizeMiB)
  const startSector = `${(content.startMiB * MiB) / sectorBytes}`
  const geometry = ['-p', startSector, '-H', '255', '-S', '63', '-s', `${sectorBytes}`]
  await run('mkntfs', ['-q', '-Q', '-F', ...geometry, '-L', content.label, path])
  await run('python3', [`${import.meta.dirname}/ntfs_folders.py`, path, ...content.folders])
  for (const { from, to } of content.files) await run('ntfscp', ['-q', '-f', path, from, to])
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

/** mkdir -p. */
export const folder = (path: string) => mkdir(path, { recursive: true })
