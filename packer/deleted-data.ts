// What was deleted in a system disk and would still be delivered: found, and overwritten.

import { open } from 'node:fs/promises'
import { run } from '../test/lab/tools.ts'
import { MiB } from './disk-image.ts'
import type { Finding } from './image-check.ts'
import type { Layout } from './layout.ts'

/** Blocks of the root file system that are free and not zero: what was deleted, and would still be delivered. */
export async function deletedData(disk: string, layout: Layout): Promise<Finding[]> {
  let bytes = 0
  for await (const { length } of freeAndNotZero(disk, layout)) bytes += length
  return bytes === 0
    ? []
    : [{ name: 'deleted-data', path: '(free)', why: `${bytes} bytes in free blocks are not zero` }]
}

/** Overwrites them. The machine's own fstrim leaves what shares a cluster of its disk with something that is in use. */
export async function wipeDeletedData(disk: string, layout: Layout): Promise<void> {
  await using file = await open(disk, 'r+')
  for await (const { start, length } of freeAndNotZero(disk, layout)) await file.write(zeros, 0, length, start)
}

const zeros = Buffer.alloc(MiB)

/** In bytes of the disk, at most a MiB at a time. */
async function* freeAndNotZero(disk: string, layout: Layout): AsyncGenerator<{ start: number; length: number }> {
  const offset = layout.root.startMiB * MiB
  // Holes need not be read.
  const map: { start: number; length: number; data: boolean }[] = JSON.parse(
    await run('qemu-img', ['map', '--output=json', '-f', 'raw', disk]),
  )
  const data = map.filter(extent => extent.data)
  await using file = await open(disk)
  const buffer = Buffer.alloc(MiB)
  for (const free of await freeExtents(disk, offset)) {
    for (const extent of data) {
      const end = Math.min(free.end, extent.start + extent.length)
      for (let start = Math.max(free.start, extent.start); start < end; start += MiB) {
        const length = Math.min(MiB, end - start)
        await file.read(buffer, 0, length, start)
        if (zeros.compare(buffer, 0, length, 0, length) !== 0) yield { start, length }
      }
    }
  }
}

/** By dumpe2fs, in bytes of the disk. */
async function freeExtents(disk: string, offset: number): Promise<{ start: number; end: number }[]> {
  const said = await run('dumpe2fs', [`${disk}?offset=${offset}`])
  const blockBytes = Number(/^Block size: +(\d+)$/m.exec(said)?.[1])
  const found: { start: number; end: number }[] = []
  for (const [, ranges = ''] of said.matchAll(/^ {2}Free blocks: (\d.*)$/gm)) {
    for (const range of ranges.split(', ')) {
      const [first = 0, last = first] = range.split('-').map(Number)
      found.push({ start: offset + first * blockBytes, end: offset + (last + 1) * blockBytes })
    }
  }
  if (found.length === 0) throw new Error(`${disk}: dumpe2fs names no free blocks`)
  return found
}
