// Which bundles are admitted; and that no damage of any byte is.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { readRelease } from '../../appliance/upgrade/read-release.ts'
import { Random } from '../chaos/random.ts'
import { forgedBundle, keyPair, sampleBundle } from './sample-release.ts'

const { privateKey, publicKey } = keyPair()
const bundle = readFileSync(await sampleBundle(t.testdir(), privateKey))

async function* inChunks(bytes: Buffer, size = 65_536) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

/** Bytes of the archive that were handed on, and how it ended. */
async function read(bytes: Buffer, running = '1.0.0', keys = [publicKey], chunk = 65_536) {
  let archiveBytes = 0
  const keep = async (source: AsyncIterable<Buffer>) => {
    for await (const piece of source) archiveBytes += piece.length
  }
  const outcome = await readRelease(inChunks(bytes, chunk), keys, running, keep).then(
    ({ manifest }) => manifest.version,
    (thrown: { code: string }) => thrown.code,
  )
  return { outcome, archiveBytes }
}
const refusals = new Set(['RELEASE_DAMAGED', 'RELEASE_UNTRUSTED'])

t.test('a whole, signed, newer bundle is admitted, in chunks of any size', async t => {
  for (const chunk of [1, 7, 511, 512, 513, 65_536])
    t.equal((await read(bundle, '1.0.0', [publicKey], chunk)).outcome, '1.1.0')
})

t.test(
  'an older one, the same, one too far ahead and a foreign one are refused, each by name, before its archive is touched',
  async t => {
    const refused = { archiveBytes: 0 }
    t.match(await read(bundle, '1.1.0'), { outcome: 'RELEASE_NOT_NEWER', ...refused })
    t.match(await read(bundle, '1.2.0'), { outcome: 'RELEASE_NOT_NEWER', ...refused })
    t.match(await read(bundle, '0.9.9'), { outcome: 'RELEASE_STEP_MISSING', ...refused })
    const foreign = forgedBundle(privateKey, { fields: { product: 'other' } })
    t.match(await read(foreign), { outcome: 'RELEASE_FOREIGN', ...refused })
    t.match(await read(bundle, '1.0.0', [keyPair().publicKey]), { outcome: 'RELEASE_UNTRUSTED', ...refused })
    t.match(await read(bundle, '1.0.0', []), { outcome: 'RELEASE_UNTRUSTED', ...refused })
  },
)

t.test('every byte counts: with any of them changed, the bundle is refused', async t => {
  const seed = 20_261_121
  const random = new Random('flip', seed)
  const admitted: number[] = []
  for (let at = 0; at < bundle.length; at++) {
    const damaged = Buffer.from(bundle)
    damaged[at] = (damaged[at] ?? 0) ^ random.integer(1, 255)
    if (!refusals.has((await read(damaged)).outcome)) admitted.push(at)
  }
  t.ok(bundle.length > 4000)
  t.same(admitted, [], `seed ${seed}: offsets at which a changed byte was admitted`)
})

t.test('a size that no tar header can have is damage like any other', async t => {
  for (const octal of ['777777777777', '100000000000']) {
    const damaged = Buffer.from(bundle)
    damaged.write(octal, 124, 'latin1')
    t.equal((await read(damaged)).outcome, 'RELEASE_DAMAGED', octal)
  }
})

t.test('cut off anywhere, or with anything behind its end, it is refused', async t => {
  for (let size = 0; size < bundle.length; size += size < 2048 ? 1 : 97)
    t.ok(refusals.has((await read(bundle.subarray(0, size))).outcome), `cut at ${size}`)
  for (const more of [Buffer.alloc(1), Buffer.alloc(512), bundle])
    t.equal((await read(Buffer.concat([bundle, more]))).outcome, 'RELEASE_DAMAGED')
})

t.test('random damage of many kinds is refused', async t => {
  for (let seed = 0; seed < 1500; seed++) {
    const random = new Random('damage', seed)
    const from = random.integer(0, bundle.length - 1)
    const to = random.integer(from, bundle.length)
    const other = random.integer(0, bundle.length - 1)
    const noise = Buffer.from(Array.from({ length: random.integer(1, 700) }, () => random.integer(0, 255)))
    const head = bundle.subarray(0, from)
    const damaged = Buffer.concat(
      random.pick([
        [head, noise, bundle.subarray(from)],
        [head, noise, bundle.subarray(to)],
        [head, bundle.subarray(other), bundle.subarray(to)],
        [head, bundle.subarray(from, to), bundle.subarray(from)],
        [head, Buffer.alloc(to - from), bundle.subarray(to)],
        [noise],
      ]),
    )
    if (damaged.equals(bundle)) continue
    const { outcome } = await read(damaged)
    if (!refusals.has(outcome)) t.fail(`seed ${seed}: ${outcome}`)
  }
  t.pass('1500 damaged bundles')
})

t.test('a manifest that is not signed is never parsed, a large one not even read', async t => {
  const unsigned = forgedBundle(privateKey, { manifestText: '{"x":', signature: () => Buffer.alloc(64) })
  t.equal((await read(unsigned)).outcome, 'RELEASE_UNTRUSTED')
  t.equal((await read(forgedBundle(privateKey, { manifestText: '{"x":' }))).outcome, 'RELEASE_DAMAGED')
  const large = forgedBundle(privateKey, { manifestText: ' '.repeat(4 * 2 ** 20 + 1) })
  let taken = 0
  async function* counted() {
    for await (const chunk of inChunks(large)) {
      taken += chunk.length
      yield chunk
    }
  }
  await t.rejects(
    readRelease(counted(), [publicKey], '1.0.0', async () => undefined),
    { message: /manifest has/ },
  )
  t.ok(taken <= 65_536)
})
