// Our side of the vmdk benchmark, as a process of its own: raw file in, streamOptimized VMDK out, by the appliance's writer.
import { open, stat } from 'node:fs/promises'
import { BLOCK_BYTES, type Block, isZero } from '../../appliance/disk/disk.ts'
import { writeVmdkStream } from '../../appliance/disk/vmdk-stream-writer.ts'

/** Eight blocks a read: fewer trips through the thread pool, and still only 4 MiB. */
const READ_BYTES = 8 * BLOCK_BYTES

/** A raw file's blocks, zero ones left out. A block is valid until the next is asked for, which is all the writer needs. */
async function* rawBlocks(path: string): AsyncGenerator<Block> {
  await using file = await open(path, 'r')
  const buffers = [Buffer.alloc(READ_BYTES), Buffer.alloc(READ_BYTES)] as const
  const { size } = await file.stat()
  const read = (position: number) => file.read(buffers[(position / READ_BYTES) & 1 ? 1 : 0], 0, READ_BYTES, position)
  let pending = read(0)
  for (let position = 0; position < size; position += READ_BYTES) {
    const { buffer, bytesRead } = await pending
    if (position + READ_BYTES < size) pending = read(position + READ_BYTES)
    for (let at = 0; at < bytesRead; at += BLOCK_BYTES) {
      const data = buffer.subarray(at, Math.min(at + BLOCK_BYTES, bytesRead))
      if (!isZero(data)) yield { index: (position + at) / BLOCK_BYTES, data }
    }
  }
}

const [source, target] = process.argv.slice(2)
if (source === undefined || target === undefined) throw new Error('usage: convert-raw.ts RAW VMDK')
await using output = await open(target, 'w')
const capacityBytes = (await stat(source)).size
const { signal } = new AbortController()
for await (const chunk of writeVmdkStream(rawBlocks(source), { capacityBytes, signal })) {
  for (let at = 0; at < chunk.length; ) at += (await output.write(chunk, at)).bytesWritten
}
