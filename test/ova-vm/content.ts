// The step that looks into the system disk of an OVA: nothing of the build may be left in it.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readSystem } from '../../packer/content-list.ts'
import { deletedData } from '../../packer/deleted-data.ts'
import { findings, strangersHere } from '../../packer/image-check.ts'
import { layout } from '../../packer/layout.ts'
import { packageSources } from '../../packer/package-sources.ts'
import { ensureTools, run } from '../lab/tools.ts'
import type { Unpacked } from './disks.ts'

/** Files of the image, and what deleted files have left on the disk, against packer/image-check.ts. */
export async function content(unpacked: Unpacked): Promise<string> {
  await ensureTools(['guests'])
  const raw = join(unpacked.directory, 'content.raw')
  const tree = join(unpacked.directory, 'content')
  try {
    await run('qemu-img', ['convert', '-f', 'vmdk', '-O', 'raw', unpacked.vmdks.system, raw])
    const system = await readSystem(raw, layout, tree)
    const expected = { sources: await packageSources(), strangers: await strangersHere() }
    const found = [...(await findings(system, expected)), ...(await deletedData(raw, layout))]
    if (found.length > 0) throw new Error(found.map(({ name, path, why }) => `${name}: ${path} ${why}`).join('\n'))
    return `${system.entries.length} entries, nothing of the build among them, and no deleted data`
  } finally {
    await rm(raw, { force: true })
    await rm(tree, { recursive: true, force: true })
  }
}
