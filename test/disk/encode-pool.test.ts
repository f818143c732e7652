import t from 'tap'
import { BLOCK_BYTES } from '../../appliance/disk/disk.ts'
import { EncodePool } from '../../appliance/disk/encode-pool.ts'

for (const workers of [0, 2]) {
  t.test(`with ${workers} workers blocks come out in the order they went in, whatever they cost`, async t => {
    const pool = new EncodePool(workers)
    t.teardown(() => pool.close())
    const taken: number[] = []
    for (let index = 0; index < 20; index++) {
      if (pool.isFull) taken.push((await pool.take()).index)
      pool.put(index, Buffer.alloc(index % 3 === 0 ? 512 : BLOCK_BYTES, index + 1))
    }
    while (!pool.isEmpty) taken.push((await pool.take()).index)
    t.same(
      taken,
      Array.from({ length: 20 }, (_, index) => index),
    )
    await t.rejects(pool.take(), RangeError, 'nothing is left')
  })
}

t.test('a full pool takes no more, and can be closed with work in it', async t => {
  const pool = new EncodePool(0)
  pool.put(0, Buffer.alloc(512, 1))
  t.throws(() => pool.put(1, Buffer.alloc(512, 1)), RangeError)
  const threaded = new EncodePool(1)
  threaded.put(0, Buffer.alloc(BLOCK_BYTES, 1))
  await threaded.close()
})
