// The manifest of a disk at one run: SHA-256 of every block, in a file that is written and read as a stream.
//
// Layout (little endian): 64 bytes of header (magic, u32 version, u32 block size, u64 disk size, zeros), 32 bytes a block in
// order, then the SHA-256 of all before it. A block of zeros has the SHA-256 of its zeros like any other, so no value is special.
import { createHash, hash } from 'node:crypto'
import { closeSync, constants, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ApplianceError } from '../errors.ts'
import { BLOCK_BYTES, blockCount, blockLength, isZero } from './disk.ts'

const MAGIC = 'HOISTMAN'
const VERSION = 1
const HEADER_BYTES = 64
const DIGEST_BYTES = 32
/** 2048 digests: one write or read for a gigabyte of disk. */
const PAGE_BYTES = 64 * 1024

export interface ManifestSummary {
  /** The file's own trailer, hexadecimal: names this state of the disk. */
  sha256: string
  blocks: number
  zeroBlocks: number
}

function encodeManifestHeader(sizeBytes: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.write(MAGIC, 0, 'latin1')
  header.writeUInt32LE(VERSION, 8)
  header.writeUInt32LE(BLOCK_BYTES, 12)
  header.writeBigUInt64LE(BigInt(sizeBytes), 16)
  return header
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  let at = 0
  while (at < bytes.length) at += writeSync(descriptor, bytes, at)
}

/**
 * Writes a manifest under a temporary name beside `path`, and gives it its name once it is whole and on disk. Synchronous:
 * it belongs into a worker, and writes 64 KiB for each gigabyte. Memory does not grow with the disk.
 */
export class ManifestWriter {
  readonly #path: string
  readonly #temporaryPath: string
  readonly #sizeBytes: number
  readonly #blocks: number
  readonly #zeroDigest = hash('sha256', Buffer.alloc(BLOCK_BYTES), 'buffer')
  readonly #page = Buffer.alloc(PAGE_BYTES)
  readonly #hash = createHash('sha256')
  #descriptor: number | undefined
  #fill = 0
  #next = 0
  #zeroBlocks = 0

  constructor(path: string, sizeBytes: number) {
    this.#path = path
    this.#temporaryPath = `${path}.partial`
    this.#sizeBytes = sizeBytes
    this.#blocks = blockCount(sizeBytes)
    // Digests of known file contents can be recognised, so the file is for the appliance's own account only.
    this.#descriptor = openSync(this.#temporaryPath, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o600)
    this.#append(encodeManifestHeader(sizeBytes))
  }

  /** Adds a block; the blocks that were left out since the last one are zero. Blocks come in rising order. */
  add(index: number, data: Uint8Array): void {
    if (index < this.#next || index >= this.#blocks || data.length !== blockLength(this.#sizeBytes, index)) {
      throw new RangeError(
        `block ${index} of ${data.length} bytes does not follow block ${this.#next - 1} of ${this.#blocks}`,
      )
    }
    this.#addZeros(index)
    if (isZero(data)) this.#addZeros(index + 1)
    else {
      this.#append(hash('sha256', data, 'buffer'))
      this.#next++
    }
  }

  /** The rest is zero; writes the trailer, syncs the file and gives it its name. */
  finish(): ManifestSummary {
    this.#addZeros(this.#blocks)
    this.#flush()
    const descriptor = this.#open()
    const trailer = this.#hash.digest()
    writeAll(descriptor, trailer)
    fsyncSync(descriptor)
    closeSync(descriptor)
    this.#descriptor = undefined
    renameSync(this.#temporaryPath, this.#path)
    const directory = openSync(dirname(this.#path), 'r')
    try {
      fsyncSync(directory)
    } finally {
      closeSync(directory)
    }
    return { sha256: trailer.toString('hex'), blocks: this.#blocks, zeroBlocks: this.#zeroBlocks }
  }

  /** Gives up: removes what was written, unless it was finished. */
  discard(): void {
    if (this.#descriptor === undefined) return
    closeSync(this.#descriptor)
    this.#descriptor = undefined
    rmSync(this.#temporaryPath, { force: true })
  }

  #open(): number {
    if (this.#descriptor === undefined) throw new Error('the manifest is closed')
    return this.#descriptor
  }

  #addZeros(end: number): void {
    for (; this.#next < end; this.#next++) {
      const length = blockLength(this.#sizeBytes, this.#next)
      this.#append(length === BLOCK_BYTES ? this.#zeroDigest : hash('sha256', Buffer.alloc(length), 'buffer'))
      this.#zeroBlocks++
    }
  }

  #append(bytes: Uint8Array): void {
    if (this.#fill + bytes.length > PAGE_BYTES) this.#flush()
    this.#page.set(bytes, this.#fill)
    this.#fill += bytes.length
  }

  #flush(): void {
    const filled = this.#page.subarray(0, this.#fill)
    this.#hash.update(filled)
    writeAll(this.#open(), filled)
    this.#fill = 0
  }
}

function damaged(path: string, reason: string): ApplianceError {
  return new ApplianceError('MANIFEST_DAMAGED', `The manifest ${path} is damaged: ${reason}`, {
    hint: 'The next run of this job will be a full one. If it happens again, check the disk of the appliance.',
  })
}

/** A manifest that was checked from end to end when it was opened. Close it. */
export class Manifest implements AsyncDisposable {
  readonly path: string
  readonly sizeBytes: number
  /** The trailer, hexadecimal. */
  readonly sha256: string
  readonly #file: FileHandle

  private constructor(path: string, file: FileHandle, sizeBytes: number, sha256: string) {
    this.path = path
    this.#file = file
    this.sizeBytes = sizeBytes
    this.sha256 = sha256
  }

  /** Throws MANIFEST_DAMAGED if any byte is not as it was written, and the system's error if there is no such file. */
  static async open(path: string): Promise<Manifest> {
    const file = await open(path, 'r')
    try {
      const { size } = await file.stat()
      const header = Buffer.alloc(HEADER_BYTES)
      if (size < HEADER_BYTES + DIGEST_BYTES) throw damaged(path, `it has only ${size} bytes`)
      await readFully(file, path, header, 0)
      const sizeBytes = Number(header.readBigUInt64LE(16))
      if (!header.equals(encodeManifestHeader(sizeBytes)))
        throw damaged(path, 'its header is not one of a manifest of version 1')
      const end = HEADER_BYTES + blockCount(sizeBytes) * DIGEST_BYTES
      if (size !== end + DIGEST_BYTES) throw damaged(path, `it has ${size} bytes, not ${end + DIGEST_BYTES}`)
      const running = createHash('sha256').update(header)
      for await (const page of pages(file, path, HEADER_BYTES, end)) running.update(page)
      const trailer = Buffer.alloc(DIGEST_BYTES)
      await readFully(file, path, trailer, end)
      if (!running.digest().equals(trailer)) throw damaged(path, 'its checksum does not match')
      return new Manifest(path, file, sizeBytes, trailer.toString('hex'))
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** The digests, 32 bytes a block, in pages of whole digests. A page is valid until the next is asked for. */
  digestPages(): AsyncGenerator<Buffer> {
    return pages(this.#file, this.path, HEADER_BYTES, HEADER_BYTES + blockCount(this.sizeBytes) * DIGEST_BYTES)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close()
  }
}

async function readFully(file: FileHandle, path: string, target: Buffer, position: number): Promise<void> {
  let filled = 0
  while (filled < target.length) {
    const { bytesRead } = await file.read(target, filled, target.length - filled, position + filled)
    if (bytesRead === 0) throw damaged(path, `it ends at byte ${position + filled}`)
    filled += bytesRead
  }
}

async function* pages(file: FileHandle, path: string, start: number, end: number): AsyncGenerator<Buffer> {
  const buffer = Buffer.alloc(PAGE_BYTES)
  for (let position = start; position < end; position += PAGE_BYTES) {
    const page = buffer.subarray(0, Math.min(PAGE_BYTES, end - position))
    await readFully(file, path, page, position)
    yield page
  }
}

/**
 * The indexes of the blocks that differ, in rising order. Both files are verified before the first index is given. Throws
 * MANIFEST_DAMAGED, or MANIFEST_SIZE_CHANGED for disks of different sizes, or the signal's reason.
 */
export async function* changedBlocks(
  beforePath: string,
  afterPath: string,
  options: { signal: AbortSignal },
): AsyncGenerator<number> {
  await using before = await Manifest.open(beforePath)
  await using after = await Manifest.open(afterPath)
  if (before.sizeBytes !== after.sizeBytes) {
    const message = `The disk had ${before.sizeBytes} bytes in ${beforePath} and has ${after.sizeBytes} in ${afterPath}`
    throw new ApplianceError('MANIFEST_SIZE_CHANGED', message, {
      hint: 'The disk was resized: the next run must be a full one.',
    })
  }
  const afterPages = after.digestPages()
  let first = 0
  for await (const page of before.digestPages()) {
    options.signal.throwIfAborted()
    const other: Buffer | undefined = (await afterPages.next()).value
    if (!other) throw damaged(afterPath, 'it became shorter while it was read')
    if (!page.equals(other)) {
      for (let at = 0; at < page.length; at += DIGEST_BYTES) {
        if (page.compare(other, at, at + DIGEST_BYTES, at, at + DIGEST_BYTES) !== 0) yield first + at / DIGEST_BYTES
      }
    }
    first += page.length / DIGEST_BYTES
  }
}
