import { createReadStream } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import t from 'tap'
import { BLOCK_BYTES } from '../../appliance/disk/disk.ts'
import { readVmdkStream, VmdkStreamReader } from '../../appliance/disk/vmdk-stream-reader.ts'
import { writeVmdkStream } from '../../appliance/disk/vmdk-stream-writer.ts'
import { ApplianceError } from '../../appliance/errors.ts'
import { sameAsRaw, toStreamOptimized, writeRaw } from './qemu-img.ts'
import { blocksOf, fillNoise, gatherDisk, sampleDisks, seededNumbers } from './sample-disks.ts'

const { signal } = new AbortController()
const label = 'web01, disk 2000'

async function ourStream(bytes: Buffer): Promise<Buffer> {
  return Buffer.concat(
    await Array.fromAsync(writeVmdkStream(blocksOf(bytes), { capacityBytes: bytes.length, workers: 0, signal })),
  )
}

/** Decodes in chunks of `chunkBytes()`: whether it gave exactly `bytes`, or the error if it has a name. */
function decode(stream: Buffer, bytes: Buffer, chunkBytes = () => stream.length): 'same' | 'wrong' | ApplianceError {
  const blocks: number[] = []
  let same = true
  try {
    const onBlock = (index: number, data: Uint8Array) => {
      blocks.push(index)
      const wanted = bytes.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES)
      same &&= wanted.equals(data)
    }
    const reader = new VmdkStreamReader({ label, onBlock })
    for (let at = 0; at < stream.length; ) {
      const end = at + chunkBytes()
      reader.write(stream.subarray(at, end))
      at = end
    }
    reader.end()
    const missed = [...blocksOf(bytes)].filter(({ index }) => !blocks.includes(index))
    return same && missed.length === 0 && reader.capacityBytes === bytes.length ? 'same' : 'wrong'
  } catch (error) {
    if (error instanceof ApplianceError) return error
    throw error
  }
}

function code(result: ReturnType<typeof decode>): string {
  return result instanceof ApplianceError ? result.code : result
}

t.test('a stream of the form that ESXi sends gives the disk back, in chunks of any size', async t => {
  for (const seed of [11, 12]) {
    const next = seededNumbers(seed)
    for (const { name, bytes } of sampleDisks(seed)) {
      const stream = await ourStream(bytes)
      t.equal(decode(stream, bytes), 'same', `${name}, seed ${seed}`)
      const pieces = decode(stream, bytes, () => 1 + (next() % 40_000))
      t.equal(pieces, 'same', `${name}, seed ${seed}, in pieces`)
    }
  }
})

t.test('what qemu-img wrote, with its tables in front, is read the same', async t => {
  const directory = t.testdir()
  for (const { name, bytes } of sampleDisks(13)) {
    const raw = await writeRaw(directory, name, bytes)
    await toStreamOptimized(raw, `${raw}.vmdk`)
    const blocks = readVmdkStream(createReadStream(`${raw}.vmdk`), { label, signal, sizeBytesExpected: bytes.length })
    t.ok((await gatherDisk(blocks, bytes.length)).equals(bytes), name)
  }
})

t.test('a last grain that is whole, although the disk ends in it, is read up to the end', async t => {
  const bytes = Buffer.alloc(65536 * 3 + 512, 'abc')
  t.equal(decode(await ourStream(bytes), bytes), 'same')
})

t.test('a stream that was cut anywhere is VMDK_TRUNCATED, never a shorter disk', async t => {
  const { bytes } = sampleDisks(14)[5] as { bytes: Buffer }
  const raw = await writeRaw(t.testdir(), 'cut', bytes)
  await toStreamOptimized(raw, `${raw}.vmdk`)
  for (const [form, stream] of [
    ['ESXi', await ourStream(bytes)],
    ['qemu-img', await readFile(`${raw}.vmdk`)],
  ] as const) {
    const next = seededNumbers(15)
    const ends = [0, 1, 511, 512, 513, 1024, 11 * 512, 65535, 65536, 65537, 65536 + 11, 65536 + 512, stream.length - 1]
    if (form === 'ESXi') for (let sectors = 1; sectors <= 10; sectors++) ends.push(stream.length - 512 * sectors)
    for (let more = 0; more < 200; more++) ends.push(next() % stream.length)
    // qemu-img pads its file with zeros behind the last grain: a cut in there takes nothing away, and the tables prove it.
    const data = stream.length - [...stream].reverse().findIndex(byte => byte !== 0)
    const expected = (end: number) => (form === 'qemu-img' && end >= data + 512 ? 'same' : 'VMDK_TRUNCATED')
    const checked = ends.filter(end => form === 'ESXi' || end <= data || end >= data + 1024)
    t.same(
      checked.map(end => [end, code(decode(stream.subarray(0, end), bytes))]),
      checked.map(end => [end, expected(end)]),
      form,
    )
  }
})

t.test('a flipped bit anywhere gives a named error or the same bytes, never others', async t => {
  const bytes = Buffer.alloc(33 * 2 ** 20 + 1536)
  const next = seededNumbers(16)
  fillNoise(bytes.subarray(0, 3000), next)
  bytes.fill('some text ', 65536 * 9, 65536 * 10 + 777)
  fillNoise(bytes.subarray(bytes.length - 400), next)
  const raw = await writeRaw(t.testdir(), 'flip', bytes)
  await toStreamOptimized(raw, `${raw}.vmdk`)
  for (const [form, stream] of [
    ['ESXi', await ourStream(bytes)],
    ['qemu-img', await readFile(`${raw}.vmdk`)],
  ] as const) {
    const headerBits = Array.from({ length: 79 * 8 }, (_, bit) => bit)
    const anyBits = Array.from({ length: 1500 }, () => next() % (stream.length * 8))
    const lastBits = Array.from({ length: 1500 }, () => stream.length * 8 - 1 - (next() % (10 * 4096)))
    const wrong: number[] = []
    const named = new Set<string>()
    for (const bit of [...headerBits, ...anyBits, ...lastBits]) {
      const at = bit >> 3
      stream.writeUInt8(stream.readUInt8(at) ^ (1 << (bit & 7)), at)
      const result = decode(stream, bytes)
      stream.writeUInt8(stream.readUInt8(at) ^ (1 << (bit & 7)), at)
      if (result instanceof ApplianceError) named.add(result.code)
      else if (result === 'wrong') wrong.push(bit)
    }
    t.same(wrong, [], `${form}: no wrong byte`)
    t.ok(
      named.has('VMDK_CORRUPT_GRAIN') && named.has('VMDK_UNSUPPORTED') && named.has('VMDK_CORRUPT'),
      `${form}: ${[...named].join(' ')}`,
    )
  }
})

t.test('errors name the disk, the place in the stream and the place on the disk', async t => {
  const bytes = Buffer.alloc(4 * 2 ** 20)
  fillNoise(bytes, seededNumbers(17))
  const stream = await ourStream(bytes)
  // The second grain of noise starts a little over 64 KiB after the first; break a byte in the middle of it.
  stream.writeUInt8(stream.readUInt8(65536 + 65536 + 30_000) ^ 0xff, 65536 + 65536 + 30_000)
  const error = decode(stream, bytes)
  t.match(error, { code: 'VMDK_CORRUPT_GRAIN', hint: /./ })
  t.match((error as ApplianceError).message, /web01, disk 2000 is refused: .*stream offset 1\d{5}, disk offset 65536\)/)
})

t.test('structures that contradict each other are refused', async t => {
  const bytes = Buffer.alloc(2 ** 20, 'contradiction')
  const stream = await ourStream(bytes)
  const damaged = (change: (copy: Buffer) => Buffer | undefined) => {
    const copy = Buffer.from(stream)
    return code(decode(change(copy) ?? copy, bytes))
  }
  const footer = stream.length - 1024
  const grain = 65536
  const cases: [string, string, (copy: Buffer) => Buffer | undefined][] = [
    ['another magic', 'VMDK_UNSUPPORTED', copy => void copy.write('COWD', 0)],
    ['line ends changed by a text transfer', 'VMDK_UNSUPPORTED', copy => void copy.write('\n\n\r\n', 73)],
    ['version 4', 'VMDK_UNSUPPORTED', copy => void copy.writeUInt32LE(4, 4)],
    ['no markers', 'VMDK_UNSUPPORTED', copy => void copy.writeUInt32LE(0x10001, 8)],
    ['zeroed-grain entries', 'VMDK_UNSUPPORTED', copy => void copy.writeUInt32LE(0x30005, 8)],
    ['no compression', 'VMDK_UNSUPPORTED', copy => void copy.writeUInt16LE(0, 77)],
    ['grains of 100 sectors', 'VMDK_UNSUPPORTED', copy => void copy.writeUInt32LE(100, 20)],
    ['another table size', 'VMDK_UNSUPPORTED', copy => void copy.writeUInt32LE(1024, 44)],
    ['no capacity', 'VMDK_UNSUPPORTED', copy => void copy.writeUInt32LE(0, 12)],
    ['a huge descriptor', 'VMDK_UNSUPPORTED', copy => void copy.writeUInt32LE(100_000, 36)],
    ['grains inside the descriptor', 'VMDK_UNSUPPORTED', copy => void copy.writeUInt32LE(5, 64)],
    ['a capacity beyond all numbers', 'VMDK_UNSUPPORTED', copy => void copy.fill(0xee, 12, 20)],
    ['a capacity unlike the descriptor', 'VMDK_CORRUPT', copy => void copy.writeUInt32LE(4096, 12)],
    ['a footer with another capacity', 'VMDK_CORRUPT', copy => void copy.writeUInt32LE(4096, footer + 12)],
    ['a footer without magic', 'VMDK_CORRUPT', copy => void copy.writeUInt32LE(0, footer)],
    ['a footer that points nowhere', 'VMDK_CORRUPT', copy => void copy.writeUInt32LE(9, footer + 56)],
    ['a footer without a directory', 'VMDK_CORRUPT', copy => void copy.fill(0xff, footer + 56, footer + 64)],
    ['no end marker after the footer', 'VMDK_CORRUPT', copy => void copy.writeUInt32LE(1, footer + 512)],
    ['an end marker instead of a footer', 'VMDK_CORRUPT', copy => void copy.fill(0, footer - 512, footer)],
    ['a sized end marker', 'VMDK_CORRUPT', copy => void copy.fill(0, footer - 500, footer)],
    ['an unknown marker', 'VMDK_CORRUPT', copy => void copy.writeUInt32LE(7, footer - 512 + 12)],
    ['a directory of other size', 'VMDK_CORRUPT', copy => void copy.writeUInt32LE(2, footer - 1536)],
    ['a marker size out of range', 'VMDK_CORRUPT', copy => void copy.writeUInt32LE(1, footer - 508)],
    ['a directory that misses the table', 'VMDK_CORRUPT', copy => void copy.writeUInt32LE(3, footer - 1024)],
    ['a directory without the table', 'VMDK_CORRUPT', copy => void copy.writeUInt32LE(0, footer - 1024)],
    ['a table that misses a grain', 'VMDK_CORRUPT', copy => void copy.writeUInt32LE(0, footer - 1536 - 2048 + 4)],
    ['bytes after the end', 'VMDK_CORRUPT', copy => Buffer.concat([copy, Buffer.from('\0\0more')])],
    ['zeros after the end', 'same', copy => Buffer.concat([copy, Buffer.alloc(5000)])],
    ['a grain beyond the disk', 'VMDK_CORRUPT_GRAIN', copy => void copy.writeUInt32LE(2048, grain)],
    ['a grain between grains', 'VMDK_CORRUPT_GRAIN', copy => void copy.writeUInt32LE(1, grain)],
    ['a grain that comes twice', 'VMDK_CORRUPT_GRAIN', copy => void copy.writeUInt32LE(128, grain)],
    ['a grain larger than any', 'VMDK_CORRUPT_GRAIN', copy => void copy.writeUInt32LE(131073, grain + 8)],
    [
      'a grain cut in its trailer',
      'VMDK_CORRUPT_GRAIN',
      copy => void copy.writeUInt32LE(copy.readUInt32LE(grain + 8) - 1, grain + 8),
    ],
  ]
  for (const [name, expected, change] of cases) t.equal(damaged(change), expected, name)
})

t.test('a disk of another size than expected is refused at its header', async t => {
  const reader = new VmdkStreamReader({ label, sizeBytesExpected: 4096, onBlock: () => t.fail('no block is wanted') })
  const stream = await ourStream(Buffer.alloc(8192, 1))
  t.throws(() => reader.write(stream), { code: 'VMDK_SIZE_MISMATCH' })
  t.throws(() => reader.write(stream), { code: 'VMDK_SIZE_MISMATCH' }, 'and stays refused')
  t.throws(() => reader.end(), { code: 'VMDK_SIZE_MISMATCH' })
})

t.test('an abort stops the reading', async t => {
  const stream = await ourStream(Buffer.alloc(2 ** 20, 1))
  const reading = gatherDisk(
    readVmdkStream([stream], { label, signal: AbortSignal.abort(new Error('enough')) }),
    2 ** 20,
  )
  await t.rejects(reading, { message: 'enough' })
})

t.test('qemu-img agrees that the streams of these tests are good', async t => {
  const { bytes } = sampleDisks(18)[5] as { bytes: Buffer }
  const raw = await writeRaw(t.testdir(), 'good', bytes)
  await writeFile(`${raw}.vmdk`, await ourStream(bytes))
  t.equal(await sameAsRaw(raw, `${raw}.vmdk`), true)
})
