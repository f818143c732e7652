// Pieces of a stream, whatever its chunks are.
import t from 'tap'
import { ByteReader } from '../../appliance/upgrade/byte-reader.ts'
import { Random } from '../chaos/random.ts'

async function* chunks(...sizes: number[]) {
  let at = 0
  for (const size of sizes) {
    yield Buffer.from(Array.from({ length: size }, (_, index) => (at + index) % 256))
    at += size
  }
}

t.test('any sizes of chunks and pieces give the same bytes', async t => {
  for (let seed = 0; seed < 50; seed++) {
    const random = new Random('reader', seed)
    const sizes = Array.from({ length: 20 }, () => random.integer(0, 40))
    const total = sizes.reduce((sum, size) => sum + size, 0)
    const reader = new ByteReader(chunks(...sizes))
    const pieces: Buffer[] = []
    for (let left = total; left > 0; ) {
      const size = random.integer(1, Math.min(left, 50))
      pieces.push(await reader.take(size))
      left -= size
    }
    await reader.end()
    t.same(Buffer.concat(pieces), Buffer.concat(await Array.fromAsync(chunks(total))), `seed ${seed}`)
  }
})

t.test('a stream that is too short, too long or different is refused', async t => {
  await t.rejects(new ByteReader(chunks(3, 3)).take(7), { code: 'RELEASE_DAMAGED', message: /ends too early/ })
  await t.rejects(new ByteReader(chunks(3)).end(), { code: 'RELEASE_DAMAGED', message: /follows/ })
  const reader = new ByteReader(chunks(3, 0, 1))
  await reader.take(3)
  await t.rejects(reader.end(), { code: 'RELEASE_DAMAGED' })
  await t.rejects(new ByteReader(chunks(2)).expect(Buffer.from([0, 2]), 'it'), { message: /it is not as it must be/ })
  await new ByteReader(chunks(2, 0)).expect(Buffer.from([0, 1]), 'it')
})

t.test('whoever closes the reader ends the source', async t => {
  let ended = false
  async function* source() {
    try {
      for (;;) yield Buffer.alloc(10)
    } finally {
      ended = true
    }
  }
  const reader = new ByteReader(source())
  await reader.take(5)
  await reader.close()
  t.ok(ended)
})
