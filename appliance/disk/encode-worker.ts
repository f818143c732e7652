// The writer's worker thread: encodes the blocks that stand in shared memory, one after the other.
import { parentPort } from 'node:worker_threads'
import { createBlockEncoder, type GrainSectors } from './vmdk-block-encoder.ts'

/** The buffers are shared, so only their handles travel. `target` is written before the answer is sent. */
export interface EncodeRequest {
  slot: number
  index: number
  source: Uint8Array
  target: Uint8Array
}

export interface EncodeAnswer {
  slot: number
  grains: GrainSectors
}

const encode = createBlockEncoder()

parentPort?.on('message', ({ slot, index, source, target }: EncodeRequest) => {
  const view = Buffer.from(target.buffer, target.byteOffset, target.byteLength)
  const answer: EncodeAnswer = { slot, grains: encode(index, source, view) }
  parentPort?.postMessage(answer)
})
