import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { BLOCK_BYTES, type Block } from '../../appliance/disk/disk.ts'
import { changedBlocks, Manifest, ManifestWriter } from '../../appliance/disk/manifest.ts'
import { blocksOf, sampleDisks, seededNumbers } from './sample-disks.ts'

const { signal } = new AbortController()

function write(path: string, sizeBytes: number, blocks: Iterable<Block>) {
  const writer = new ManifestWriter(path, sizeBytes)
  for (const { index, data } of blocks) writer.add(index, data)
  return writer.finish()
}

t.test('a manifest holds the SHA-256 of every block, those of zeros like the others', async t => {
  const directory = t.testdir()
  for (const { name, bytes } of sampleDisks(41)) {
    const path = join(directory, 'manifest')
    const sparse = write(path, bytes.length, blocksOf(bytes))
    const file = readFileSync(path)
    const digests = [...blocksOf(bytes, { dense: true })].map(({ data }) => createHash('sha256').update(data).digest())
    t.ok(file.subarray(64, -32).equals(Buffer.concat(digests)), name)
    t.equal(createHash('sha256').update(file.subarray(0, -32)).digest('hex'), sparse.sha256, 'the trailer covers all')
    t.same(write(path, bytes.length, blocksOf(bytes, { dense: true })), sparse, 'zero blocks left out or not: the same')
    t.equal(sparse.zeroBlocks, digests.length - [...blocksOf(bytes)].length)
    await using manifest = await Manifest.open(path)
    t.equal(manifest.sizeBytes, bytes.length)
    t.equal(manifest.sha256, sparse.sha256)
  }
})

t.test('it has its name only when it is whole, and only its owner may read it', async t => {
  const directory = t.testdir()
  const path = join(directory, 'manifest')
  const writer = new ManifestWriter(path, BLOCK_BYTES)
  t.same(readdirSync(directory), ['manifest.partial'])
  writer.discard()
  writer.discard()
  t.same(readdirSync(directory), [])
  t.throws(() => writer.finish(), /closed/)
  write(path, BLOCK_BYTES, [])
  t.same(readdirSync(directory), ['manifest'])
  t.equal(statSync(path).mode & 0o777, 0o600)
})

t.test('blocks out of order, beyond the end or of wrong length are refused', async t => {
  const writer = new ManifestWriter(join(t.testdir(), 'manifest'), 3 * BLOCK_BYTES + 512)
  t.teardown(() => writer.discard())
  writer.add(1, Buffer.alloc(BLOCK_BYTES))
  t.throws(() => writer.add(1, Buffer.alloc(BLOCK_BYTES)), RangeError)
  t.throws(() => writer.add(0, Buffer.alloc(BLOCK_BYTES)), RangeError)
  t.throws(() => writer.add(3, Buffer.alloc(BLOCK_BYTES)), RangeError)
  t.throws(() => writer.add(4, Buffer.alloc(512)), RangeError)
})

t.test('a comparison gives exactly the blocks that changed, to zero and from zero too', async t => {
  const directory = t.testdir()
  const next = seededNumbers(42)
  // More blocks than a page of digests holds, none of them kept: 5,000 blocks are 2.4 GiB of disk.
  const sizeBytes = 5000 * BLOCK_BYTES + 1024
  const before = new Map<number, Buffer>()
  for (let count = 0; count < 40; count++) before.set(next() % 5000, Buffer.alloc(BLOCK_BYTES, 1 + (next() % 250)))
  before.set(5000, Buffer.alloc(1024, 1))
  const after = new Map(before)
  const [gone, rewritten] = [...before.keys()] as [number, number]
  after.delete(gone)
  after.set(rewritten, Buffer.alloc(BLOCK_BYTES, 251))
  after.set(2047, Buffer.alloc(BLOCK_BYTES, 252))
  after.set(2048, Buffer.alloc(BLOCK_BYTES, 252))
  after.set(5000, Buffer.alloc(1024))
  const inOrder = (blocks: Map<number, Buffer>) =>
    [...blocks].sort(([a], [b]) => a - b).map(([index, data]) => ({ index, data }))
  write(join(directory, 'before'), sizeBytes, inOrder(before))
  write(join(directory, 'after'), sizeBytes, inOrder(after))
  const changed = await Array.fromAsync(changedBlocks(join(directory, 'before'), join(directory, 'after'), { signal }))
  t.same(
    changed,
    [...new Set([gone, rewritten, 2047, 2048, 5000])].sort((a, b) => a - b),
  )
  t.same(await Array.fromAsync(changedBlocks(join(directory, 'after'), join(directory, 'after'), { signal })), [])
  const aborted = changedBlocks(join(directory, 'before'), join(directory, 'after'), {
    signal: AbortSignal.abort(new Error('enough')),
  })
  await t.rejects(Array.fromAsync(aborted), { message: 'enough' })
})

t.test('a disk that was resized cannot be compared', async t => {
  const directory = t.testdir()
  write(join(directory, 'before'), BLOCK_BYTES, [])
  write(join(directory, 'after'), BLOCK_BYTES + 512, [])
  const comparing = Array.fromAsync(changedBlocks(join(directory, 'before'), join(directory, 'after'), { signal }))
  await t.rejects(comparing, { code: 'MANIFEST_SIZE_CHANGED' })
})

t.test('any flipped bit and any cut is MANIFEST_DAMAGED, before one index is given', async t => {
  const directory = t.testdir()
  const path = join(directory, 'manifest')
  const { bytes } = sampleDisks(43)[5] as { bytes: Buffer }
  write(path, bytes.length, blocksOf(bytes))
  const good = readFileSync(path)
  write(join(directory, 'good'), bytes.length, blocksOf(bytes))
  const refuse = async (damaged: Buffer, name: string) => {
    writeFileSync(path, damaged)
    await t.rejects(
      Array.fromAsync(changedBlocks(join(directory, 'good'), path, { signal })),
      { code: 'MANIFEST_DAMAGED' },
      name,
    )
  }
  for (let at = 0; at < good.length; at += at < 64 ? 1 : 37) {
    const damaged = Buffer.from(good)
    damaged.writeUInt8(damaged.readUInt8(at) ^ 0x10, at)
    await refuse(damaged, `byte ${at}`)
  }
  for (const size of [0, 10, 63, 64, 95, good.length - 32, good.length - 1])
    await refuse(good.subarray(0, size), `${size} bytes`)
  await refuse(Buffer.concat([good, Buffer.alloc(1)]), 'one byte more')
})
