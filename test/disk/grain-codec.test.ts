import zlib from 'node:zlib'
import t from 'tap'
import {
  createDeflater,
  createInflater,
  deflateBound,
  publicDeflater,
  publicInflater,
} from '../../appliance/disk/grain-codec.ts'
import { fillNoise, seededNumbers } from './sample-disks.ts'

const GRAIN = 65536
const next = seededNumbers(21)
const noise = Buffer.alloc(GRAIN)
fillNoise(noise, next)
const grains = [Buffer.alloc(GRAIN), Buffer.alloc(GRAIN, 'words and words '), noise, Buffer.alloc(512, 7)]

for (const [name, inflate, deflate] of [
  ['the reused zlib stream', createInflater(), createDeflater()],
  ['the public API', publicInflater(), publicDeflater()],
] as const) {
  t.test(`${name} gives grains back, again and again`, async t => {
    for (const grain of [...grains, ...grains]) {
      const deflated = Buffer.alloc(deflateBound(grain.length) + 3)
      const size = deflate(grain, deflated, 3)
      t.ok(zlib.inflateSync(deflated.subarray(3, 3 + size)).equals(grain), 'zlib reads what was deflated')
      const target = Buffer.alloc(GRAIN + 101)
      t.equal(inflate(deflated.subarray(3, 3 + size), target, 100, grain.length), grain.length)
      t.ok(target.subarray(100, 100 + grain.length).equals(grain))
    }
  })

  t.test(`${name} refuses what is damaged, cut, too long or followed by more, and works on after it`, async t => {
    const target = Buffer.alloc(GRAIN + 1)
    const good = zlib.deflateSync(grains[1] as Buffer)
    const flipped = Buffer.from(good)
    flipped.writeUInt8(flipped.readUInt8(flipped.length - 1) ^ 1, flipped.length - 1)
    t.throws(() => inflate(flipped, target, 0, GRAIN), { message: /check/ }, 'checksum')
    for (const cut of [1, 4, 5, good.length - 1]) {
      t.throws(() => inflate(good.subarray(0, good.length - cut), target, 0, GRAIN), `${cut} bytes short`)
    }
    t.throws(() => inflate(good, target, 0, GRAIN - 1), 'longer than its limit')
    t.throws(() => inflate(Buffer.concat([good, Buffer.from('x')]), target, 0, GRAIN), { message: /after the end/ })
    t.throws(() => inflate(noise, target, 0, GRAIN), 'no zlib stream')
    t.equal(inflate(Buffer.concat([good, Buffer.alloc(3)]), target, 0, GRAIN), GRAIN, 'zero padding is no damage')
    t.ok(target.subarray(0, GRAIN).equals(grains[1] as Buffer))
  })
}

t.test('shared memory is read and written like any other', async t => {
  const shared = Buffer.from(new SharedArrayBuffer(GRAIN * 3))
  noise.copy(shared)
  const size = createDeflater()(shared.subarray(0, GRAIN), shared, GRAIN)
  const target = Buffer.from(new SharedArrayBuffer(GRAIN + 1))
  t.equal(createInflater()(shared.subarray(GRAIN, GRAIN + size), target, 0, GRAIN), GRAIN)
  t.ok(target.subarray(0, GRAIN).equals(noise))
})
