import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { BLOCK_BYTES } from '../../appliance/disk/disk.ts'
import { ENCODED_BLOCK_BYTES } from '../../appliance/disk/vmdk-block-encoder.ts'

t.test('the worker encodes shared memory in place and answers with the slot', async t => {
  const worker = new Worker(new URL('../../appliance/disk/encode-worker.ts', import.meta.url))
  t.teardown(() => worker.terminate())
  const source = new Uint8Array(new SharedArrayBuffer(BLOCK_BYTES)).fill(9)
  const target = Buffer.from(new SharedArrayBuffer(ENCODED_BLOCK_BYTES))
  worker.postMessage({ slot: 4, index: 1, source, target })
  const [answer] = await once(worker, 'message')
  t.equal(answer.slot, 4)
  t.equal(answer.grains.length, 8)
  t.equal(target.readBigUInt64LE(0), 1024n, 'the first grain of block 1')
})
