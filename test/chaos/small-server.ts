// A Linux-like root disk of a few MiB: what VM Import wants to see before it converts (MBR, ext4 with files).
import { randomBytes } from 'node:crypto'
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ext4FileSystem, MiB, partitionedDisk } from '../../packer/disk-image.ts'
import { madeOnce } from '../lab/guests/made-once.ts'
import { ensureTools } from '../lab/tools.ts'

const sizeMiB = 24
const name = 'root.raw'

/** Writes a copy of the disk. */
export async function smallRootDisk(path: string): Promise<void> {
  await ensureTools(['guests'])
  const made = await madeOnce('small-server', ['../../chaos/small-server.ts'], async directory => {
    const disk = join(directory, name)
    const content = join(directory, 'content')
    await mkdir(join(content, 'etc'), { recursive: true })
    await writeFile(join(content, 'etc', 'os-release'), 'ID=debian\nVERSION_ID="12"\n')
    await writeFile(join(content, 'noise'), randomBytes(6 * MiB))
    const partition = { startMiB: 1, sizeMiB: sizeMiB - 2, type: '83', bootable: true }
    await partitionedDisk(disk, sizeMiB, 'dos', [partition])
    await ext4FileSystem(disk, { offsetBytes: MiB, sizeMiB: partition.sizeMiB, label: 'root', from: content })
    await rm(content, { recursive: true })
  })
  await copyFile(join(made, name), path)
}
