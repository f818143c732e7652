// Encodes blocks in worker threads with a fixed number of shared buffers, so that memory is bounded and nothing is copied twice.
import { Worker } from 'node:worker_threads'
import { BLOCK_BYTES } from './disk.ts'
import type { EncodeAnswer, EncodeRequest } from './encode-worker.ts'
import { createBlockEncoder, ENCODED_BLOCK_BYTES, type GrainSectors } from './vmdk-block-encoder.ts'

export interface EncodedBlock {
  index: number
  grains: GrainSectors
  /** A copy that belongs to the caller. */
  bytes: Buffer
}

interface Slot {
  source: Buffer
  target: Buffer
  done: Promise<GrainSectors>
  settle: { resolve: (grains: GrainSectors) => void; reject: (error: unknown) => void }
  index: number
}

/** Two blocks waiting for each worker hide the round trip; more only costs memory. */
const SLOTS_PER_WORKER = 3

function sharedBuffer(bytes: number): Buffer {
  return Buffer.from(new SharedArrayBuffer(bytes))
}

/** A pipeline that keeps the order of blocks. With 0 workers it encodes in the calling thread. Close it. */
export class EncodePool {
  readonly #workers: Worker[] = []
  readonly #encode = createBlockEncoder()
  readonly #slots: Slot[]
  /** Slots in use, oldest first: they go round. */
  #first = 0
  #used = 0

  constructor(workers: number) {
    this.#slots = Array.from({ length: Math.max(1, workers * SLOTS_PER_WORKER) }, () => ({
      source: sharedBuffer(BLOCK_BYTES),
      target: sharedBuffer(ENCODED_BLOCK_BYTES),
      done: Promise.resolve([]),
      settle: { resolve: () => undefined, reject: () => undefined },
      index: -1,
    }))
    for (let made = 0; made < workers; made++) {
      const worker = new Worker(new URL('./encode-worker.ts', import.meta.url))
      worker.on('message', ({ slot, grains }: EncodeAnswer) => this.#slots[slot]?.settle.resolve(grains))
      worker.on('error', error => {
        for (const slot of this.#slots) slot.settle.reject(error)
      })
      this.#workers.push(worker)
    }
  }

  get isFull(): boolean {
    return this.#used === this.#slots.length
  }

  get isEmpty(): boolean {
    return this.#used === 0
  }

  /** Takes a copy of the block; there must be room. */
  put(index: number, data: Uint8Array): void {
    const number = (this.#first + this.#used) % this.#slots.length
    const slot = this.#slots[number]
    if (!slot || this.isFull) throw new RangeError('no free slot')
    this.#used++
    slot.index = index
    slot.source.set(data)
    slot.source.fill(0, data.length)
    const worker = this.#workers[number % this.#workers.length]
    if (!worker) {
      slot.done = Promise.resolve(this.#encode(index, slot.source, slot.target))
      return
    }
    const { promise, resolve, reject } = Promise.withResolvers<GrainSectors>()
    // A failure is met by whoever takes the slot; if the pool is closed before that, nobody needs to hear of it.
    promise.catch(() => undefined)
    slot.done = promise
    slot.settle = { resolve, reject }
    const request: EncodeRequest = { slot: number, index, source: slot.source, target: slot.target }
    worker.postMessage(request)
  }

  /** The oldest block, encoded. */
  async take(): Promise<EncodedBlock> {
    const slot = this.#slots[this.#first]
    if (!slot || this.isEmpty) throw new RangeError('no block was put')
    const grains = await slot.done
    const sectors = grains.reduce((sum, size) => sum + size, 0)
    const bytes = Buffer.allocUnsafeSlow(sectors * 512)
    slot.target.copy(bytes, 0, 0, bytes.length)
    this.#first = (this.#first + 1) % this.#slots.length
    this.#used--
    return { index: slot.index, grains, bytes }
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map(worker => worker.terminate()))
  }
}
