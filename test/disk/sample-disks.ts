// Seeded disks for the tests of appliance/disk: awkward sizes, holes, noise; and a disk as a stream of blocks.
import { BLOCK_BYTES, type Block, isZero } from '../../appliance/disk/disk.ts'

export interface SampleDisk {
  name: string
  bytes: Buffer
}

/** Deterministic 32-bit numbers (mulberry32). */
export function seededNumbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
}

export function fillNoise(target: Buffer, next: () => number): void {
  for (let at = 0; at + 4 <= target.length; at += 4) target.writeUInt32LE(next(), at)
}

/** Repeats with small changes: compresses, but not to nothing. */
function fillText(target: Buffer, next: () => number): void {
  for (let at = 0; at < target.length; at += 16) target.write(`line ${(next() % 5000).toString().padStart(10)}\n`, at)
}

function sparseDisk(sizeBytes: number, next: () => number): Buffer {
  const bytes = Buffer.alloc(sizeBytes)
  for (let extents = 1 + (next() % 12); extents > 0; extents--) {
    const start = (next() % (sizeBytes / 512)) * 512
    const target = bytes.subarray(start, Math.min(sizeBytes, start + 512 * (1 + (next() % 1500))))
    if (next() % 3 === 0) fillNoise(target, next)
    else fillText(target, next)
  }
  return bytes
}

/** The shapes that break readers and writers, from one seed. */
export function sampleDisks(seed: number): SampleDisk[] {
  const next = seededNumbers(seed)
  const ends = Buffer.alloc(70 * 2 ** 20 + 512 * 7)
  fillNoise(ends.subarray(0, 700), next)
  ends.write('the very end', ends.length - 512)
  const noise = Buffer.alloc(3 * 2 ** 20)
  fillNoise(noise, next)
  return [
    { name: 'one sector', bytes: Buffer.alloc(512, 'x') },
    { name: 'all zero', bytes: Buffer.alloc(5 * 2 ** 20) },
    { name: 'data at both ends only, in two grain tables', bytes: ends },
    { name: 'noise', bytes: noise },
    { name: 'a multiple of 64 KiB but not of a block', bytes: sparseDisk(7 * 2 ** 20 + 65536 * 3, next) },
    { name: 'no multiple of 64 KiB', bytes: sparseDisk(9 * 2 ** 20 + 65536 * 3 + 512 * 5, next) },
    { name: 'whole grain tables', bytes: sparseDisk(64 * 2 ** 20, next) },
  ]
}

/** A disk's blocks; `dense` gives zero blocks too. */
export function* blocksOf(bytes: Buffer, options: { dense?: boolean } = {}): Generator<Block> {
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const data = bytes.subarray(at, at + BLOCK_BYTES)
    if (options.dense || !isZero(data)) yield { index: at / BLOCK_BYTES, data }
  }
}

/** The disk that blocks describe. */
export async function gatherDisk(blocks: AsyncIterable<Block> | Iterable<Block>, sizeBytes: number): Promise<Buffer> {
  const bytes = Buffer.alloc(sizeBytes)
  for await (const { index, data } of blocks) bytes.set(data, index * BLOCK_BYTES)
  return bytes
}
