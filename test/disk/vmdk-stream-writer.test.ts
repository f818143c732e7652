import { writeFile } from 'node:fs/promises'
import t from 'tap'
import { BLOCK_BYTES } from '../../appliance/disk/disk.ts'
import { writeVmdkStream } from '../../appliance/disk/vmdk-stream-writer.ts'
import { sameAsRaw, writeRaw } from './qemu-img.ts'
import { blocksOf, sampleDisks } from './sample-disks.ts'

const { signal } = new AbortController()

t.test('qemu-img finds the very bytes that were written, for every shape of disk', async t => {
  const directory = t.testdir()
  for (const seed of [1, 2]) {
    for (const { name, bytes } of sampleDisks(seed)) {
      const raw = await writeRaw(directory, name, bytes)
      const stream = await Array.fromAsync(
        writeVmdkStream(blocksOf(bytes), { capacityBytes: bytes.length, workers: 0, signal }),
      )
      await writeFile(`${raw}.vmdk`, Buffer.concat(stream))
      t.equal(await sameAsRaw(raw, `${raw}.vmdk`), true, `${name}, seed ${seed}`)
    }
  }
})

t.test('worker threads write the same stream as the calling thread does', async t => {
  for (const { name, bytes } of sampleDisks(3)) {
    const written = async (workers: number, dense: boolean) =>
      Buffer.concat(
        await Array.fromAsync(
          writeVmdkStream(blocksOf(bytes, { dense }), { capacityBytes: bytes.length, workers, signal }),
        ),
      )
    t.ok((await written(2, true)).equals(await written(0, false)), name)
  }
})

t.test('a consumer that stops early leaves no worker behind', async t => {
  const { bytes } = sampleDisks(4)[3] as { bytes: Buffer }
  for await (const chunk of writeVmdkStream(blocksOf(bytes), { capacityBytes: bytes.length, signal })) {
    t.equal(chunk.length, 65536, 'header, descriptor and padding come first')
    break
  }
})

t.test('blocks that are no disk of this size are refused', async t => {
  const write = (blocks: { index: number; data: Buffer }[], capacityBytes: number) =>
    Array.fromAsync(writeVmdkStream(blocks, { capacityBytes, workers: 0, signal }))
  const data = Buffer.alloc(BLOCK_BYTES, 1)
  await t.rejects(
    write(
      [
        { index: 1, data },
        { index: 0, data },
      ],
      2 * BLOCK_BYTES,
    ),
    RangeError,
    'out of order',
  )
  await t.rejects(write([{ index: 2, data }], 2 * BLOCK_BYTES), RangeError, 'beyond the end')
  await t.rejects(write([{ index: 0, data }], 1024), RangeError, 'too long')
  await t.rejects(write([], 1000), RangeError, 'no whole sectors')
  await t.rejects(write([], 0), RangeError, 'no disk')
})

t.test('an abort ends the stream with its reason', async t => {
  const stop = new AbortController()
  const { bytes } = sampleDisks(5)[3] as { bytes: Buffer }
  const reading = async () => {
    for await (const _ of writeVmdkStream(blocksOf(bytes), { capacityBytes: bytes.length, signal: stop.signal })) {
      stop.abort(new Error('enough'))
    }
  }
  await t.rejects(reading(), { message: 'enough' })
})
