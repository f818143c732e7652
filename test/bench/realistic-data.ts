// Disk content that compresses as servers' disks do (about .45 at zlib level 1), made from a seed at memory speed.
import { open } from 'node:fs/promises'
import { seededNumbers } from '../disk/sample-disks.ts'

const POOL_BYTES = 8 * 2 ** 20
const CHUNK_BYTES = 4 * 2 ** 20
/** Share of pieces, in 1/16: logs and source text, programs and databases, and what is compressed already (images, archives). */
const TEXT_SHARE = 7
const NOISE_SHARE = 1

/** Picks low numbers much more often than high ones, as words and instructions are picked. */
function skewed(next: () => number, bound: number): number {
  const uniform = next() / 2 ** 32
  return Math.floor(bound * uniform * uniform * uniform * uniform)
}

function textPool(next: () => number): Buffer {
  const letters = 'etaoinshrdlucmfwypvbgkjqxz'
  const word = () => Array.from({ length: 2 + (next() % 9) }, () => letters[skewed(next, 26)]).join('')
  const words = Array.from({ length: 3000 }, word)
  const someWords = (count: number) => Array.from({ length: count }, () => words[skewed(next, words.length)]).join(' ')
  const phrases = Array.from({ length: 1500 }, () => someWords(2 + (next() % 6)))
  const pool = Buffer.alloc(POOL_BYTES)
  for (let at = 0; at < POOL_BYTES; ) {
    const said = Array.from({ length: 1 + (next() % 4) }, () => phrases[skewed(next, phrases.length)]).join(', ')
    at += pool.write(`${at} [${next() % 32_768}] ${said} ${someWords(next() % 6)}\n`, at, 'latin1')
  }
  return pool
}

/** Runs of instructions that come again and again, with addresses and constants between them. */
function programPool(next: () => number): Buffer {
  const bytes = (length: number) => Buffer.from(Array.from({ length }, () => skewed(next, 256)))
  const sequences = Array.from({ length: 1500 }, () => bytes(3 + (next() % 14)))
  const pool = Buffer.alloc(POOL_BYTES)
  for (let at = 0; at < POOL_BYTES - 16; ) {
    at += (sequences[skewed(next, sequences.length)] as Buffer).copy(pool, at)
    if (next() % 4 === 0) at = pool.writeInt16LE((next() & 0x7fff) - 0x4000, at)
  }
  return pool
}

function noisePool(next: () => number): Buffer {
  const pool = Buffer.alloc(POOL_BYTES)
  for (let at = 0; at < POOL_BYTES; at += 4) pool.writeUInt32LE(next(), at)
  return pool
}

/** `bytes` of content. Every chunk is the same Buffer, filled anew: take a copy of what is to stay. */
export function* realisticChunks(options: { seed: number; bytes: number }): Generator<Buffer> {
  const next = seededNumbers(options.seed)
  const [text, program, noise] = [textPool(next), programPool(next), noisePool(next)]
  const buffer = Buffer.alloc(CHUNK_BYTES)
  for (let done = 0; done < options.bytes; done += CHUNK_BYTES) {
    for (let at = 0; at < CHUNK_BYTES; ) {
      const kind = next() & 15
      const pool = kind < TEXT_SHARE ? text : kind < 16 - NOISE_SHARE ? program : noise
      const length = Math.min(4096 * (1 + (next() & 15)), CHUNK_BYTES - at)
      // Starting at any byte makes each piece a new one for whoever looks for repeated blocks.
      const start = next() % (POOL_BYTES - length)
      at += pool.copy(buffer, at, start, start + length)
    }
    yield buffer.subarray(0, Math.min(CHUNK_BYTES, options.bytes - done))
  }
}

/** Makes a sparse raw file: `dataBytes` of content, then a hole up to `sizeBytes`. */
export async function writeRealisticDisk(
  path: string,
  options: { seed: number; sizeBytes: number; dataBytes: number; signal?: AbortSignal },
): Promise<void> {
  const file = await open(path, 'w')
  try {
    for (const chunk of realisticChunks({ seed: options.seed, bytes: options.dataBytes })) {
      options.signal?.throwIfAborted()
      for (let at = 0; at < chunk.length; ) at += (await file.write(chunk, at)).bytesWritten
    }
    await file.truncate(options.sizeBytes)
  } finally {
    await file.close()
  }
}
