// qemu-img, the reader and writer of VMDKs that is not ours.
import { execFile } from 'node:child_process'
import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Whether qemu-img reads the same size and bytes from `vmdk` as `raw` holds; rejects with its words if it cannot read it. */
export async function sameAsRaw(raw: string, vmdk: string): Promise<boolean> {
  const info = await run('qemu-img', ['info', '--output=json', '-f', 'vmdk', vmdk])
  if (JSON.parse(info.stdout)['virtual-size'] !== (await stat(raw)).size) return false
  try {
    await run('qemu-img', ['compare', '-f', 'raw', '-F', 'vmdk', raw, vmdk])
    return true
  } catch (error) {
    if ((error as { code?: unknown }).code === 1) return false
    throw error
  }
}

/** A raw file as qemu-img makes a streamOptimized VMDK of it: tables in front, no footer. */
export async function toStreamOptimized(raw: string, vmdk: string): Promise<void> {
  await run('qemu-img', ['convert', '-f', 'raw', '-O', 'vmdk', '-o', 'subformat=streamOptimized', raw, vmdk])
}

export async function writeRaw(directory: string, name: string, bytes: Buffer): Promise<string> {
  const path = join(directory, `${name.replace(/\W+/g, '-')}.raw`)
  await writeFile(path, bytes)
  return path
}
