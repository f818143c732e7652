// NTFS file systems made without mounting them.

import { emptyFile, MiB, sectorBytes } from '../../../packer/disk-image.ts'
import { run } from '../tools.ts'

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
