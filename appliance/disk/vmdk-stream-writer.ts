// Writes blocks as a streamOptimized VMDK, front to end: tables follow the grains, so nothing is ever gone back to.
import { ApplianceError } from '../errors.ts'
import { BLOCK_BYTES, type Block, blockLength, isZero } from './disk.ts'
import { EncodePool } from './encode-pool.ts'
import { GRAIN_SECTORS, GRAINS_PER_BLOCK } from './vmdk-block-encoder.ts'
import { formatDescriptor } from './vmdk-descriptor.ts'
import {
  COMPRESSION_DEFLATE,
  encodeHeader,
  encodeMarker,
  marker,
  roundUpToSector,
  SECTOR_BYTES,
  STREAM_FLAGS,
  TABLE_BYTES,
  TABLE_ENTRIES,
  tableCount,
  type VmdkHeader,
} from './vmdk-format.ts'

/** What VMware's and qemu-img's writers reserve: a descriptor of 20 sectors, and grains from 64 KiB on. */
const DESCRIPTOR_SECTORS = 20
const OVERHEAD_SECTORS = 128

export interface VmdkWriterOptions {
  /** Size of the disk: a multiple of 512. */
  capacityBytes: number
  /** Compressing threads; 0 compresses in the calling thread. Default 2. */
  workers?: number
  /** Named in the descriptor. Default `disk.vmdk`. */
  fileName?: string
  signal: AbortSignal
}

/** Where the stream has got to: turns grains into tables, and tables into the directory. */
class Layout {
  readonly #header: VmdkHeader
  readonly #directory: Buffer
  readonly #table = Buffer.alloc(TABLE_BYTES)
  #tableIndex = -1
  #sector = OVERHEAD_SECTORS

  constructor(header: VmdkHeader) {
    this.#header = header
    this.#directory = Buffer.alloc(roundUpToSector(tableCount(header) * 4))
  }

  /** Notes the grains of a block that goes out next. */
  addBlock(index: number, grains: number[]): void {
    const tableIndex = this.tableOf(index)
    if (this.#tableIndex !== tableIndex) {
      this.#tableIndex = tableIndex
      this.#table.fill(0)
    }
    grains.forEach((sectors, grain) => {
      if (sectors === 0) return
      this.#table.writeUInt32LE(this.#sector, ((index * GRAINS_PER_BLOCK + grain) % TABLE_ENTRIES) * 4)
      this.#advance(sectors)
    })
  }

  /** The table of the blocks so far, if block `next` belongs to another. */
  tableBefore(next: number): Buffer | undefined {
    if (this.#tableIndex < 0 || this.#tableIndex === this.tableOf(next)) return undefined
    this.#directory.writeUInt32LE(this.#sector + 1, this.#tableIndex * 4)
    this.#advance(1 + TABLE_BYTES / SECTOR_BYTES)
    this.#tableIndex = -1
    return Buffer.concat([encodeMarker(marker.table, TABLE_BYTES / SECTOR_BYTES), this.#table])
  }

  /** Directory, footer and end marker. */
  ending(): Buffer {
    const directorySectors = this.#directory.length / SECTOR_BYTES
    const footer = encodeHeader({ ...this.#header, directorySector: this.#sector + 1 })
    this.#advance(directorySectors + 4)
    return Buffer.concat([
      encodeMarker(marker.directory, directorySectors),
      this.#directory,
      encodeMarker(marker.footer, 1),
      footer,
      encodeMarker(marker.end, 0),
    ])
  }

  tableOf(index: number): number {
    return Math.floor((index * GRAINS_PER_BLOCK) / TABLE_ENTRIES)
  }

  #advance(sectors: number): void {
    this.#sector += sectors
    if (this.#sector > 0xffffffff) {
      throw new ApplianceError('VMDK_TOO_LONG', 'The VMDK stream of this disk is longer than 2 TiB', {
        hint: 'Its format cannot hold more: use the target ebs for this job.',
      })
    }
  }
}

/**
 * The blocks, which come in rising order and may leave out zero ones, as a streamOptimized VMDK that ESXi, VM Import and
 * qemu-img read. Zero grains are left out. Memory is bounded: about 3.5 MiB for each worker. Throws RangeError for blocks that are no disk of
 * `capacityBytes`, ApplianceError VMDK_TOO_LONG, or the signal's reason.
 */
export async function* writeVmdkStream(
  blocks: AsyncIterable<Block> | Iterable<Block>,
  options: VmdkWriterOptions,
): AsyncGenerator<Buffer> {
  const { capacityBytes, workers = 2, fileName = 'disk.vmdk', signal } = options
  if (capacityBytes <= 0 || capacityBytes % SECTOR_BYTES !== 0) {
    throw new RangeError(
      `a disk of ${capacityBytes} bytes cannot be a VMDK: its size is no multiple of ${SECTOR_BYTES}`,
    )
  }
  const header: VmdkHeader = {
    version: 3,
    flags: STREAM_FLAGS,
    capacitySectors: capacityBytes / SECTOR_BYTES,
    grainSectors: GRAIN_SECTORS,
    descriptorSector: 1,
    descriptorSectors: DESCRIPTOR_SECTORS,
    tableEntries: TABLE_ENTRIES,
    directorySector: undefined,
    overheadSectors: OVERHEAD_SECTORS,
    compression: COMPRESSION_DEFLATE,
  }
  const opening = Buffer.alloc(OVERHEAD_SECTORS * SECTOR_BYTES)
  encodeHeader(header).copy(opening)
  opening.write(formatDescriptor({ capacitySectors: header.capacitySectors, fileName }), SECTOR_BYTES)
  const layout = new Layout(header)
  const pool = new EncodePool(workers)
  async function* takeOldest(): AsyncGenerator<Buffer> {
    const { index, grains, bytes } = await pool.take()
    const table = layout.tableBefore(index)
    if (table) yield table
    layout.addBlock(index, grains)
    yield bytes
  }
  try {
    yield opening
    let next = 0
    for await (const { index, data } of blocks) {
      signal.throwIfAborted()
      if (index < next || index * BLOCK_BYTES >= capacityBytes || data.length !== blockLength(capacityBytes, index)) {
        throw new RangeError(`block ${index} of ${data.length} bytes does not follow block ${next - 1} of this disk`)
      }
      next = index + 1
      if (isZero(data)) continue
      if (pool.isFull) yield* takeOldest()
      pool.put(index, data)
    }
    while (!pool.isEmpty) {
      signal.throwIfAborted()
      yield* takeOldest()
    }
    const table = layout.tableBefore(Number.POSITIVE_INFINITY)
    if (table) yield table
    yield layout.ending()
  } finally {
    await pool.close()
  }
}
