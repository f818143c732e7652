// A raw disk image as blocks for the VMDK writer, one block in memory at a time.
import { type FileHandle, open } from 'node:fs/promises'

/** The VMDK writer's block. A writer with another one would refuse ours. */
const BLOCK_BYTES = 512 * 1024
/** vSphere counts disks in MiB. */
const GRANULARITY_BYTES = 2 ** 20
const zeros = Buffer.alloc(BLOCK_BYTES)

export interface RawBlock {
  index: number
  /** Holds until the next block is asked for. */
  data: Buffer
}

export class RawDisk implements AsyncDisposable {
  readonly sizeBytes: number
  readonly #file: FileHandle
  readonly #path: string
  #populatedBytes = 0

  private constructor(file: FileHandle, path: string, sizeBytes: number) {
    this.#file = file
    this.#path = path
    this.sizeBytes = sizeBytes
  }

  /** @throws Error for a file that is no raw image of whole MiB. */
  static async open(path: string): Promise<RawDisk> {
    const file = await open(path)
    try {
      const { size } = await file.stat()
      const { buffer } = await file.read({ buffer: Buffer.alloc(4), position: 0 })
      const magic = buffer.toString('latin1')
      if (magic === 'QFI\u00fb' || magic === 'KDMV')
        throw new Error(`${path} is no raw image: convert it with qemu-img convert -O raw ${path} system.raw`)
      if (size === 0 || size % GRANULARITY_BYTES !== 0)
        throw new Error(`${path} has ${size} bytes: a disk in vSphere has whole MiB`)
      return new RawDisk(file, path, size)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** Bytes in the blocks that were given so far. */
  get populatedBytes(): number {
    return this.#populatedBytes
  }

  /** The blocks that are not all zero. @throws Error when the file ends early: it changed meanwhile. */
  async *blocks(signal: AbortSignal): AsyncGenerator<RawBlock> {
    this.#populatedBytes = 0
    const buffer = Buffer.alloc(BLOCK_BYTES)
    for (let offset = 0; offset < this.sizeBytes; offset += BLOCK_BYTES) {
      signal.throwIfAborted()
      const data = buffer.subarray(0, Math.min(BLOCK_BYTES, this.sizeBytes - offset))
      for (let at = 0; at < data.length; ) {
        const { bytesRead } = await this.#file.read(data, at, data.length - at, offset + at)
        if (bytesRead === 0) throw new Error(`${this.#path} ended at ${offset + at}: it was changed meanwhile`)
        at += bytesRead
      }
      if (zeros.compare(data, 0, data.length, 0, data.length) === 0) continue
      this.#populatedBytes += data.length
      yield { index: offset / BLOCK_BYTES, data }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close()
  }
}
