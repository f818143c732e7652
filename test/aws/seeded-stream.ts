// For tests of uploads: a stream of seeded bytes, the same at each call.
const mib = 1024 * 1024

/** Seeded bytes, in chunks of odd sizes. A buffer is used again for the next chunk. */
export function* chunks(totalBytes: number, seed: number): Generator<Buffer> {
  let state = seed
  const block = Buffer.alloc(mib + 7)
  let left = totalBytes
  while (left > 0) {
    state = (state * 1103515245 + 12345) % 2147483648
    const length = Math.min(left, 1 + (state % block.length))
    for (let i = 0; i + 4 <= block.length; i += 4096) block.writeUInt32LE((state + i) % 4294967296, i)
    yield block.subarray(0, length)
    left -= length
  }
}
