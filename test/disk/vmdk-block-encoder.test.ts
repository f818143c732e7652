import zlib from 'node:zlib'
import t from 'tap'
import { BLOCK_BYTES } from '../../appliance/disk/disk.ts'
import { createBlockEncoder, ENCODED_BLOCK_BYTES } from '../../appliance/disk/vmdk-block-encoder.ts'
import { fillNoise, seededNumbers } from './sample-disks.ts'

t.test(
  'a block becomes padded grains with their places; zero grains are left out, and leftovers never show',
  async t => {
    const encode = createBlockEncoder()
    const block = Buffer.alloc(BLOCK_BYTES)
    fillNoise(block, seededNumbers(31))
    const target = Buffer.alloc(ENCODED_BLOCK_BYTES)
    const noisy = encode(0, block, target)
    t.equal(noisy.length, 8)
    t.ok(
      noisy.every(sectors => sectors >= 129),
      'noise takes more than its size, and fits',
    )
    block.fill(0, 65536, 65536 * 7)
    block.fill('text', 0, 65536)
    const grains = encode(3, block, target)
    t.same(
      grains.map(sectors => sectors > 0),
      [true, false, false, false, false, false, false, true],
    )
    const size = target.readUInt32LE(8)
    t.equal(target.readBigUInt64LE(0), BigInt((3 * BLOCK_BYTES) / 512))
    t.ok(zlib.inflateSync(target.subarray(12, 12 + size)).equals(block.subarray(0, 65536)))
    t.ok(
      target.subarray(12 + size, (grains[0] as number) * 512).every(byte => byte === 0),
      'padding is zero',
    )
    t.equal(target.readBigUInt64LE((grains[0] as number) * 512), BigInt((3 * BLOCK_BYTES + 65536 * 7) / 512))
  },
)
