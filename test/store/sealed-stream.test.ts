// Streams under a passphrase: every size comes back, and whatever is done to the bytes is noticed.
import t from 'tap'
import { chunkBytes, seal, sealedBytes, sealedHeadBytes, unseal } from '../../appliance/store/sealed-stream.ts'
import { seeded } from './samples.ts'

const passphrase = 'a gränd piano in the rain'
/** 2^4: the tests ask for the form, not for the price of a guess. */
const cheap = { costLog2: 4 }

async function* inPieces(bytes: Buffer, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const sealed = async (plain: Buffer, options: { costLog2?: number } = cheap) =>
  Buffer.concat(await Array.fromAsync(seal(inPieces(plain, 30_001), passphrase, options)))
const opened = async (bytes: Buffer, words = passphrase, size = 30_011) =>
  Buffer.concat(await Array.fromAsync(unseal(inPieces(bytes, size), words)))

const random = seeded(7)
const bytesOf = (length: number) => Buffer.from(Array.from({ length }, () => random(256)))

t.test('every size around a chunk comes back, whatever pieces it travels in, and is as long as was said', async t => {
  for (const size of [0, 1, chunkBytes - 1, chunkBytes, chunkBytes + 1, 2 * chunkBytes, 3 * chunkBytes + 5]) {
    const plain = bytesOf(size)
    const bytes = await sealed(plain)
    t.equal(bytes.length, sealedBytes(size))
    for (const pieces of [1000, sealedHeadBytes, chunkBytes + 16, 1 << 22])
      t.ok((await opened(bytes, passphrase, pieces)).equals(plain), `${size} bytes in pieces of ${pieces}`)
  }
})

t.test('the stated cost is what a stream is sealed with, and one that asks for far more is refused', async t => {
  const bytes = await sealed(Buffer.from('x'), {})
  t.equal(bytes.readUInt8(10), 17)
  t.equal((await opened(bytes)).toString(), 'x')
  for (const cost of [0, 19, 255]) {
    bytes.writeUInt8(cost, 10)
    await t.rejects(opened(bytes), { code: 'EXPORT_UNKNOWN' }, `2^${cost}`)
  }
})

t.test('two streams of the same bytes have nothing in common', async t => {
  const plain = Buffer.alloc(100)
  const [one, other] = [await sealed(plain), await sealed(plain)]
  t.notOk(one.subarray(16, 48).equals(other.subarray(16, 48)))
  t.notOk(one.subarray(sealedHeadBytes).equals(other.subarray(sealedHeadBytes)))
})

t.test('another passphrase is refused as such; another way to write the same letters is not', async t => {
  const bytes = await sealed(Buffer.from('x'))
  for (const wrong of ['', 'a grand piano in the rain', `${passphrase} `])
    await t.rejects(opened(bytes, wrong), { code: 'EXPORT_PASSPHRASE_WRONG' })
  t.equal((await opened(bytes, passphrase.normalize('NFD'))).toString(), 'x')
})

t.test('a bit that is flipped anywhere is noticed', async t => {
  const bytes = await sealed(bytesOf(chunkBytes + 300))
  const places = [
    ...Array.from({ length: sealedHeadBytes }, (_, at) => at),
    ...Array.from({ length: 120 }, () => sealedHeadBytes + random(bytes.length - sealedHeadBytes)),
  ]
  for (const at of places) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] ?? 0) ^ (1 << random(8))
    // A cost that is cheap to try, as any in the range is taken.
    if (at === 10 && changed.readUInt8(10) > 12) continue
    await t.rejects(opened(changed), { code: /^EXPORT_(UNKNOWN|PASSPHRASE_WRONG|DAMAGED)$/ }, `byte ${at}, seed 7`)
  }
})

t.test('a stream that ends early is noticed wherever it ends, at the end of a chunk too', async t => {
  const bytes = await sealed(bytesOf(3 * chunkBytes))
  const chunk = chunkBytes + 16
  const ends = [0, 1, 7, 8, 79, 80, 81, 95, 96, 80 + chunk, 80 + 2 * chunk, 80 + 2 * chunk + 1, bytes.length - 1]
  for (const end of ends)
    await t.rejects(opened(bytes.subarray(0, end)), { code: /^EXPORT_(UNKNOWN|DAMAGED)$/ }, `${end} bytes`)
})

t.test('chunks that are moved, doubled, left out, added, or of another stream are noticed', async t => {
  const bytes = await sealed(bytesOf(3 * chunkBytes))
  const other = await sealed(bytesOf(3 * chunkBytes))
  const chunk = chunkBytes + 16
  const at = (index: number, from = bytes) => from.subarray(80 + index * chunk, 80 + (index + 1) * chunk)
  const head = bytes.subarray(0, 80)
  const wrong: Record<string, Buffer[]> = {
    moved: [at(1), at(0), at(2)],
    doubled: [at(0), at(1), at(1), at(2)],
    'left out': [at(0), at(2)],
    'without its last': [at(0), at(1)],
    'with another last': [at(0), at(1), at(1)],
    'of another stream': [at(0), at(1, other), at(2)],
    'with something behind it': [at(0), at(1), at(2), Buffer.alloc(16)],
    'with a whole chunk behind it': [at(0), at(1), at(2), at(2)],
  }
  for (const [name, chunks] of Object.entries(wrong))
    await t.rejects(opened(Buffer.concat([head, ...chunks])), { code: 'EXPORT_DAMAGED' }, name)
  t.equal((await opened(Buffer.concat([head, at(0), at(1), at(2)]))).length, 3 * chunkBytes)
})

t.test('whatever is no export is said to be none', async t => {
  for (const text of ['', 'SQLite format 3\0', 'HOIST', 'HOISTBAX'.padEnd(200)])
    await t.rejects(opened(Buffer.from(text)), { code: /^EXPORT_(UNKNOWN|DAMAGED)$/ }, text)
  const newer = await sealed(Buffer.from('x'))
  newer.writeUInt16BE(2, 8)
  await t.rejects(opened(newer), { code: 'EXPORT_UNKNOWN', message: /version 2/ })
})

t.test('a source that breaks breaks the stream with its own error', async t => {
  async function* breaking() {
    yield Buffer.alloc(chunkBytes + 1)
    throw new Error('EIO')
  }
  await t.rejects(Array.fromAsync(seal(breaking(), passphrase, cheap)), { message: 'EIO' })
})
