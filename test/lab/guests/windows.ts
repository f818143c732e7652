// A Windows-like UEFI server: GPT with ESP, MSR and NTFS, and a second disk of MBR and NTFS. Its files are real, its Windows is not.

import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fatPartition, type Partition, partitionedDisk, placeImage } from '../../../packer/disk-image.ts'
import { cacheDirectory, ensureTools } from '../tools.ts'
import { madeOnce } from './made-once.ts'
import { ntfsFileSystem } from './ntfs-image.ts'

// As Windows Setup lays out a UEFI disk: https://learn.microsoft.com/windows-hardware/manufacture/desktop/configure-uefigpt-based-hard-drive-partitions
const esp: Partition = {
  startMiB: 1,
  sizeMiB: 100,
  type: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B',
  name: 'EFI system partition',
}
const msr: Partition = {
  startMiB: 101,
  sizeMiB: 16,
  type: 'E3C9E316-0B5C-4DB8-817D-F92DF00215AE',
  name: 'Microsoft reserved partition',
}
const systemDiskMiB = 1024
const windows: Partition = {
  startMiB: 117,
  sizeMiB: systemDiskMiB - 118,
  type: 'EBD0A0A2-B9E5-4433-87C0-68B6B72699C7',
  name: 'Basic data partition',
}
const dataDiskMiB = 512
const volume: Partition = { startMiB: 1, sizeMiB: dataDiskMiB - 1, type: '7' }

/** Paths of the guest's two raw disks; made at the first call (some seconds), found at the next. */
export async function windowsGuest(): Promise<{ system: string; data: string }> {
  await ensureTools(['guests', 'python'])
  const directory = await madeOnce('windows', ['windows.ts', 'ntfs-image.ts', 'ntfs_folders.py'], make)
  return { system: join(directory, 'system.raw'), data: join(directory, 'data.raw') }
}

async function make(directory: string): Promise<void> {
  process.stderr.write('guests: making the Windows-like server\n')
  await systemDisk(directory)
  await dataDisk(directory)
}

async function systemDisk(directory: string): Promise<void> {
  const disk = join(directory, 'system.raw')
  await partitionedDisk(disk, systemDiskMiB, 'gpt', [esp, msr, windows])
  // A real EFI program, as what boots there is one.
  const efi = '/usr/lib/grub/x86_64-efi/monolithic/grubx64.efi'
  await fatPartition(disk, esp, 'SYSTEM', [
    { from: efi, to: 'EFI/Microsoft/Boot/bootmgfw.efi' },
    { from: efi, to: 'EFI/Boot/bootx64.efi' },
  ])
  const system32 = 'Windows/System32'
  await placeNtfs(disk, windows, 'Windows', {
    folders: [`${system32}/config`, `${system32}/drivers`, `${system32}/winevt/Logs`, 'Users/Public', 'ProgramData'],
    files: [
      { from: efi, to: `${system32}/winload.efi` },
      ...(await realFiles('.', 100)).map(from => ({ from, to: `${system32}/config/${fileName(from)}` })),
    ],
  })
}

async function dataDisk(directory: string): Promise<void> {
  const disk = join(directory, 'data.raw')
  await partitionedDisk(disk, dataDiskMiB, 'dos', [volume])
  const files = (await realFiles('awscli', 40)).map(from => ({ from, to: `Shares/Documents/${fileName(from)}` }))
  await placeNtfs(disk, volume, 'Data', { folders: ['Shares/Documents'], files })
}

async function placeNtfs(
  disk: string,
  partition: Partition,
  label: string,
  content: { folders: string[]; files: { from: string; to: string }[] },
): Promise<void> {
  const image = `${disk}.ntfs`
  await ntfsFileSystem(image, { sizeMiB: partition.sizeMiB, label, startMiB: partition.startMiB, ...content })
  await placeImage(image, disk, partition.startMiB)
  await rm(image)
}

const fileName = (path: string) => path.replace(/^.*site-packages\//, '').replaceAll('/', '-')

/** The largest files of one of the lab's Python packages, up to so many MiB: bytes that compress as a server's do. */
async function realFiles(packageFolder: string, totalMiB: number): Promise<string[]> {
  const lib = join(cacheDirectory, 'venv/lib')
  const [python] = await readdir(lib)
  if (python === undefined) throw new Error(`${lib} is empty: remove ${cacheDirectory}/venv`)
  const entries = await readdir(join(lib, python, 'site-packages', packageFolder), {
    recursive: true,
    withFileTypes: true,
  })
  const sized = await Promise.all(
    entries
      .filter(entry => entry.isFile())
      .map(async entry => {
        const path = join(entry.parentPath, entry.name)
        return { path, sizeBytes: (await stat(path)).size }
      }),
  )
  sized.sort((a, b) => b.sizeBytes - a.sizeBytes || (a.path < b.path ? -1 : 1))
  let left = totalMiB * 1024 * 1024
  return sized.flatMap(({ path, sizeBytes }) => {
    if (sizeBytes > left) return []
    left -= sizeBytes
    return [path]
  })
}
