// The bytes of one EBS snapshot: a sparse file of its own blocks over the content of its parent.
import { execFile } from 'node:child_process'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { promisify } from 'node:util'

/** EBS direct's unit. */
export const blockBytes = 524_288
export const gibibyte = 1024 ** 3
const runFile = promisify(execFile)

export class SnapshotContent {
  readonly path: string
  /** The volume's size: whole GiB. */
  readonly sizeBytes: number
  readonly blockCount: number
  private readonly base: SnapshotContent | undefined
  private readonly own: Uint8Array
  private handle: FileHandle | undefined
  /** The snapshot itself and every content that reads through to this one. */
  private references = 1

  private constructor(path: string, sizeBytes: number, base: SnapshotContent | undefined) {
    this.path = path
    this.sizeBytes = sizeBytes
    this.blockCount = sizeBytes / blockBytes
    this.base = base
    this.own = new Uint8Array(Math.ceil(this.blockCount / 8))
  }

  /** An empty content, or one that inherits its parent's blocks. */
  static async create(path: string, sizeGiB: number, base?: SnapshotContent): Promise<SnapshotContent> {
    const content = new SnapshotContent(path, sizeGiB * gibibyte, base)
    content.handle = await open(path, 'w+')
    await content.handle.truncate(content.sizeBytes)
    if (base !== undefined) base.references++
    return content
  }

  /** Takes over a raw file. Which blocks hold data says `qemu-img map` (SEEK_DATA: holes are zeros). */
  static async fromRaw(path: string, sizeGiB: number, qemuImg: string): Promise<SnapshotContent> {
    const content = new SnapshotContent(path, sizeGiB * gibibyte, undefined)
    const { stdout } = await runFile(qemuImg, ['map', '--output=json', '-f', 'raw', path], {
      maxBuffer: 256 * 1024 ** 2,
    })
    const extents = JSON.parse(stdout) as { start: number; length: number; data: boolean; zero: boolean }[]
    for (const { start, length, data, zero } of extents) {
      if (!data || zero || length === 0) continue
      const last = Math.floor((start + length - 1) / blockBytes)
      for (let index = Math.floor(start / blockBytes); index <= last; index++) content.mark(index)
    }
    content.handle = await open(path, 'r+')
    await content.handle.truncate(content.sizeBytes)
    return content
  }

  /** Whether the block was written, here or in a parent. */
  holds(index: number): boolean {
    return this.ownsBlock(index) || (this.base?.holds(index) ?? false)
  }

  ownsBlock(index: number): boolean {
    return index < this.blockCount && ((this.own[index >> 3] ?? 0) & (1 << (index & 7))) !== 0
  }

  /** One whole block; zeros where nothing was written. */
  async readBlock(index: number): Promise<Buffer> {
    if (!this.ownsBlock(index) && this.base !== undefined) return this.base.readBlock(index)
    const block = Buffer.alloc(blockBytes)
    if (this.ownsBlock(index)) await this.file().read(block, 0, blockBytes, index * blockBytes)
    return block
  }

  async writeBlock(index: number, data: Uint8Array): Promise<void> {
    const { bytesWritten } = await this.file().write(data, 0, blockBytes, index * blockBytes)
    if (bytesWritten !== blockBytes) throw new Error(`lab: block ${index} of ${this.path} written short`)
    this.mark(index)
  }

  /** Whether the other content is this one's parent, or its parent's parent and so on. */
  descendsFrom(other: SnapshotContent): boolean {
    return this.base !== undefined && (this.base === other || this.base.descendsFrom(other))
  }

  /** Whether a block was written after that ancestor was sealed. */
  changedSince(ancestor: SnapshotContent, index: number): boolean {
    if (this === ancestor) return false
    return this.ownsBlock(index) || (this.base?.changedSince(ancestor, index) ?? false)
  }

  /** A plain raw file with the whole content; its own file if nothing is inherited. */
  async flatten(path: string): Promise<string> {
    if (this.base === undefined) return this.path
    const target = await open(path, 'w')
    try {
      await target.truncate(this.sizeBytes)
      for (let index = 0; index < this.blockCount; index++) {
        if (this.holds(index)) await target.write(await this.readBlock(index), 0, blockBytes, index * blockBytes)
      }
    } finally {
      await target.close()
    }
    return path
  }

  /** Gives the snapshot's claim up; the file goes when no child reads through to it any more. */
  async release(): Promise<void> {
    this.references--
    if (this.references > 0) return
    await this.handle?.close()
    this.handle = undefined
    await rm(this.path, { force: true })
    await this.base?.release()
  }

  private mark(index: number): void {
    this.own[index >> 3] = (this.own[index >> 3] ?? 0) | (1 << (index & 7))
  }

  private file(): FileHandle {
    if (this.handle === undefined) throw new Error(`lab: ${this.path} is closed`)
    return this.handle
  }
}
