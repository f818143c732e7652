import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { RawDisk } from '../../ova/raw-disk.ts'
import { run } from './sample.ts'

const { signal } = new AbortController()

t.test('the blocks that hold something come in order, the last one as short as it is', async t => {
  const path = join(t.testdir(), 'disk.raw')
  const bytes = Buffer.alloc(3 * 2 ** 20)
  bytes[0] = 1
  bytes[2 ** 20 - 1] = 2
  bytes[bytes.length - 1] = 3
  await writeFile(path, bytes)
  await using disk = await RawDisk.open(path)
  t.equal(disk.sizeBytes, bytes.length)
  const found: number[] = []
  for await (const { index, data } of disk.blocks(signal)) {
    t.ok(data.equals(bytes.subarray(index * 2 ** 19, (index + 1) * 2 ** 19)))
    found.push(index)
  }
  t.strictSame(found, [0, 1, 5])
  t.equal(disk.populatedBytes, 3 * 2 ** 19)
  await Array.fromAsync(disk.blocks(signal))
  t.equal(disk.populatedBytes, 3 * 2 ** 19, 'counted anew')
})

t.test('an image of another format, or with half a MiB, is no raw disk', async t => {
  const directory = t.testdir()
  const path = (name: string) => join(directory, name)
  await run('qemu-img', ['create', '-q', '-f', 'qcow2', path('a.qcow2'), '4M'])
  await run('qemu-img', ['create', '-q', '-f', 'vmdk', '-o', 'subformat=streamOptimized', path('a.vmdk'), '4M'])
  await writeFile(path('half'), Buffer.alloc(2 ** 19))
  await writeFile(path('empty'), '')
  await t.rejects(RawDisk.open(path('a.qcow2')), { message: /convert it with qemu-img/ })
  await t.rejects(RawDisk.open(path('a.vmdk')), { message: /convert it with qemu-img/ })
  await t.rejects(RawDisk.open(path('half')), { message: /whole MiB/ })
  await t.rejects(RawDisk.open(path('empty')), { message: /whole MiB/ })
  await t.rejects(RawDisk.open(path('missing')), { code: 'ENOENT' })
})

t.test('a file that becomes shorter meanwhile is not taken for zeros', async t => {
  const path = join(t.testdir(), 'disk.raw')
  await writeFile(path, Buffer.alloc(2 ** 20, 1))
  await using disk = await RawDisk.open(path)
  const blocks = disk.blocks(signal)
  await blocks.next()
  await truncate(path, 2 ** 19 + 100)
  await t.rejects(blocks.next(), { message: /changed meanwhile/ })
})

t.test('an abort ends it with its reason', async t => {
  const path = join(t.testdir(), 'disk.raw')
  await writeFile(path, Buffer.alloc(2 ** 20, 1))
  await using disk = await RawDisk.open(path)
  const stop = new AbortController()
  const blocks = disk.blocks(stop.signal)
  await blocks.next()
  stop.abort(new Error('enough'))
  await t.rejects(blocks.next(), { message: 'enough' })
})
