import t from 'tap'
import { BLOCK_BYTES, blockCount, blockLength, isZero } from '../../appliance/disk/disk.ts'

t.test('the last block of a disk holds just what is left of it', async t => {
  t.equal(blockCount(BLOCK_BYTES * 3), 3)
  t.equal(blockCount(BLOCK_BYTES * 3 + 512), 4)
  t.equal(blockLength(BLOCK_BYTES * 3 + 512, 2), BLOCK_BYTES)
  t.equal(blockLength(BLOCK_BYTES * 3 + 512, 3), 512)
})

t.test('a single bit anywhere makes a block other than zero', async t => {
  const block = Buffer.alloc(BLOCK_BYTES)
  t.equal(isZero(block), true)
  t.equal(isZero(block.subarray(0, 512)), true)
  for (const at of [0, 4095, BLOCK_BYTES - 1]) {
    block[at] = 1
    t.equal(isZero(block), false, `byte ${at}`)
    block[at] = 0
  }
})
