// Decodes a streamOptimized VMDK in one forward pass, as it comes from an NFC lease, and believes nothing in it unchecked.
import { ApplianceError, type ErrorCode } from '../errors.ts'
import { type ByteStep, ByteSteps } from './byte-steps.ts'
import { BLOCK_BYTES, type Block, blockLength } from './disk.ts'
import { createInflater } from './grain-codec.ts'
import { parseDescriptor } from './vmdk-descriptor.ts'
import {
  decodeHeader,
  GRAIN_MARKER_BYTES,
  headerDifference,
  marker,
  roundUpToSector,
  SECTOR_BYTES,
  TABLE_BYTES,
  tableCount,
  unsupported,
  type VmdkHeader,
} from './vmdk-format.ts'
import { TableCheck } from './vmdk-tables.ts'

export interface VmdkReaderOptions {
  /** Names the server and disk in error messages. */
  label: string
  /** Called in rising order; `data` is only valid during the call. Blocks without a grain are left out. */
  onBlock: (index: number, data: Uint8Array) => void
  /** What the disk's size must be; a stream that says otherwise is refused at its header. */
  sizeBytesExpected?: number
}

const hints = {
  VMDK_TRUNCATED:
    'Run again. If it happens each time, look for a proxy or firewall between the appliance and the ESXi host that cuts long transfers.',
  VMDK_CORRUPT:
    'Run again: the stream was damaged on its way. If it happens each time, test the memory and network of the ESXi host and of the appliance.',
  VMDK_CORRUPT_GRAIN:
    'Run again: a piece of the disk was damaged on its way. If it happens each time, test the memory and network of the ESXi host and of the appliance.',
  VMDK_UNSUPPORTED:
    'Report this with the version of the ESXi host: it encodes disks in a way that the appliance does not know.',
  VMDK_SIZE_MISMATCH: 'Import the catalog again: the disk was resized, or another disk was sent.',
} as const satisfies Partial<Record<ErrorCode, string>>

/**
 * A push decoder. Accepts streams that carry their tables behind the grains (ESXi, ovftool; directory offset -1, footer, end
 * marker) and qemu-img's, which carry them in front. Throws ApplianceError VMDK_TRUNCATED, VMDK_CORRUPT, VMDK_CORRUPT_GRAIN,
 * VMDK_UNSUPPORTED or VMDK_SIZE_MISMATCH with the offset in the stream and on the disk, and is of no use after that.
 * Holds one block, one grain and the grain directory, whatever the size of the chunks.
 */
export class VmdkStreamReader {
  readonly #options: VmdkReaderOptions
  readonly #inflate = createInflater()
  // One byte of slack: the inflater shows a grain that is too long by writing one byte more.
  readonly #block = Buffer.alloc(BLOCK_BYTES + 1)
  #blockIndex = -1
  /** Bytes of #block that are settled; grains come in order, so what lies between two is zero. */
  #blockFill = 0
  #header: VmdkHeader | undefined
  #tables = new TableCheck(1)
  #lastLba = -1
  readonly #steps: ByteSteps
  #ended = false
  #failure: ApplianceError | undefined

  constructor(options: VmdkReaderOptions) {
    this.#options = options
    this.#steps = new ByteSteps({ bytes: SECTOR_BYTES, take: bytes => this.#takeHeader(bytes) }, tail =>
      this.#takeTail(tail),
    )
  }

  /** The disk's size in bytes, known once the header was read. */
  get capacityBytes(): number | undefined {
    return this.#header && this.#header.capacitySectors * SECTOR_BYTES
  }

  /** Decodes the next bytes of the stream, in chunks of any size. They are not kept after the call. */
  write(chunk: Uint8Array): void {
    if (this.#failure) throw this.#failure
    this.#steps.write(chunk)
  }

  /** Says that the stream has ended: the last block is handed over, or VMDK_TRUNCATED thrown. */
  end(): void {
    if (this.#failure) throw this.#failure
    if (this.#ended) return
    // qemu-img ends a stream without a marker; its tables, which came first, tell whether all of it is here.
    const mayStop = this.#header?.directorySector !== undefined && this.#steps.atStep?.take === this.#markerStep.take
    if (!mayStop) throw this.#fail('VMDK_TRUNCATED', 'it ends before its end marker')
    const disagreement = this.#tables.disagreement(tableCount(this.#header as VmdkHeader))
    if (disagreement) throw this.#fail('VMDK_TRUNCATED', `it ends, but ${disagreement}`)
    this.#finish()
  }

  /** What stands between and before grains. */
  readonly #markerStep: ByteStep = { bytes: SECTOR_BYTES, take: bytes => this.#takeMarker(bytes) }

  #takeHeader(sector: Buffer): ByteStep {
    const header = this.#decode(sector, 'VMDK_UNSUPPORTED')
    const reason = unsupported(header, BLOCK_BYTES)
    if (reason) throw this.#fail('VMDK_UNSUPPORTED', `it has ${reason}`)
    const expected = this.#options.sizeBytesExpected
    if (expected !== undefined && header.capacitySectors * SECTOR_BYTES !== expected) {
      throw this.#fail(
        'VMDK_SIZE_MISMATCH',
        `it says ${header.capacitySectors * SECTOR_BYTES} bytes of disk, expected were ${expected}`,
      )
    }
    this.#header = header
    this.#tables = new TableCheck(header.grainSectors)
    if (header.descriptorSector === 0) return this.#afterDescriptor(header, SECTOR_BYTES)
    return this.#at(header.descriptorSector, SECTOR_BYTES, header.descriptorSectors * SECTOR_BYTES, bytes =>
      this.#takeDescriptor(header, bytes),
    )
  }

  #takeDescriptor(header: VmdkHeader, bytes: Buffer): ByteStep {
    const { extents } = parseDescriptor(bytes.toString('latin1'))
    const sectors = extents[0]?.sectors
    // With tables in front there is no footer to repeat the header, so the descriptor is the capacity's only witness.
    if (sectors === undefined && header.directorySector !== undefined) {
      throw this.#fail('VMDK_CORRUPT', 'its descriptor names no extent')
    }
    if (extents.length > 1 || (sectors !== undefined && sectors !== header.capacitySectors)) {
      throw this.#fail('VMDK_CORRUPT', `its header says ${header.capacitySectors} sectors, its descriptor ${sectors}`)
    }
    return this.#afterDescriptor(header, this.#steps.offset + bytes.length)
  }

  #afterDescriptor(header: VmdkHeader, offset: number): ByteStep {
    if (header.directorySector === undefined)
      return this.#at(header.overheadSectors, offset, SECTOR_BYTES, this.#markerStep.take)
    if (header.descriptorSector === 0) throw this.#fail('VMDK_UNSUPPORTED', 'it has no descriptor')
    const { directorySector } = header
    return this.#at(directorySector, offset, tableCount(header) * 4, bytes => {
      this.#tables.addDirectory(directorySector, bytes)
      return this.#nextTableInFront(header, this.#tables.tableSectors(), 0, this.#steps.offset + bytes.length)
    })
  }

  #nextTableInFront(header: VmdkHeader, sectors: number[], index: number, offset: number): ByteStep {
    const sector = sectors[index]
    if (sector === undefined) return this.#at(header.overheadSectors, offset, SECTOR_BYTES, this.#markerStep.take)
    return this.#at(sector, offset, TABLE_BYTES, bytes => {
      this.#tables.addTable(sector, bytes)
      return this.#nextTableInFront(header, sectors, index + 1, this.#steps.offset + bytes.length)
    })
  }

  /** A step at a sector further on; `offset` is where the step before it ends. */
  #at(sector: number, offset: number, bytes: number, take: ByteStep['take']): ByteStep {
    const skip = sector * SECTOR_BYTES - offset
    if (skip < 0)
      throw this.#fail('VMDK_UNSUPPORTED', `a structure at byte ${sector * SECTOR_BYTES} lies behind byte ${offset}`)
    this.#steps.skip(skip)
    return { bytes, take }
  }

  #takeMarker(bytes: Buffer): ByteStep | undefined {
    const size = bytes.readUInt32LE(8)
    if (size > 0) return this.#takeGrain(bytes, size)
    const header = this.#header as VmdkHeader
    const sectors = bytes.readUInt32LE(0)
    const type = bytes.readUInt32LE(12)
    if (bytes.readUInt32LE(4) !== 0) throw this.#fail('VMDK_CORRUPT', 'a marker has a size out of range')
    const sized = (name: string, length: number, take: ByteStep['take']): ByteStep => {
      if (sectors * SECTOR_BYTES !== length) throw this.#fail('VMDK_CORRUPT', `a ${name} has ${sectors} sectors`)
      return { bytes: length, take }
    }
    switch (type) {
      case marker.table:
        return sized('grain table', TABLE_BYTES, table => {
          this.#tables.addTable(this.#steps.offset / SECTOR_BYTES, table)
          return this.#markerStep
        })
      case marker.directory:
        return sized('grain directory', roundUpToSector(tableCount(header) * 4), directory => {
          this.#tables.addDirectory(this.#steps.offset / SECTOR_BYTES, directory)
          return this.#markerStep
        })
      case marker.footer:
        return sized('footer', SECTOR_BYTES, footer => this.#takeFooter(header, footer))
      case marker.end:
        if (sectors !== 0) throw this.#fail('VMDK_CORRUPT', 'its end marker has a size')
        if (header.directorySector === undefined)
          throw this.#fail('VMDK_CORRUPT', 'its end marker comes before its footer')
        return this.#takeEnd(header)
      default:
        throw this.#fail('VMDK_CORRUPT', `it has a marker of unknown type ${type}`)
    }
  }

  #takeFooter(header: VmdkHeader, bytes: Buffer): ByteStep {
    const footer = this.#decode(Buffer.from(bytes), 'VMDK_CORRUPT')
    const difference = headerDifference(header, footer)
    if (difference) throw this.#fail('VMDK_CORRUPT', `its footer has another ${difference} than its header`)
    if (footer.directorySector === undefined || footer.directorySector !== this.#tables.directorySector) {
      throw this.#fail('VMDK_CORRUPT', 'its footer does not point to its grain directory')
    }
    return {
      bytes: SECTOR_BYTES,
      take: end => {
        if (!end.equals(Buffer.alloc(SECTOR_BYTES)))
          throw this.#fail('VMDK_CORRUPT', 'no end marker follows its footer')
        return this.#takeEnd(header)
      },
    }
  }

  #takeEnd(header: VmdkHeader): undefined {
    const disagreement = this.#tables.disagreement(tableCount(header))
    if (disagreement) throw this.#fail('VMDK_CORRUPT', disagreement)
    this.#finish()
    return undefined
  }

  /** Behind the end marker only zero padding is accepted: anything else would be bytes that nobody read. */
  #takeTail(bytes: Buffer): void {
    const other = bytes.findIndex(byte => byte !== 0)
    if (other >= 0) throw this.#fail('VMDK_CORRUPT', `other bytes follow its end marker, ${other} bytes further on`)
  }

  #takeGrain(bytes: Buffer, size: number): ByteStep | undefined {
    const header = this.#header as VmdkHeader
    const grainBytes = header.grainSectors * SECTOR_BYTES
    const high = bytes.readUInt32LE(4)
    const lba = high * 2 ** 32 + bytes.readUInt32LE(0)
    // qemu-img reads no larger ones either; deflate never needs as much.
    if (size > 2 * grainBytes) throw this.#fail('VMDK_CORRUPT_GRAIN', `a grain has ${size} compressed bytes`, lba)
    const needed = roundUpToSector(GRAIN_MARKER_BYTES + size)
    if (bytes.length < needed) return { ...this.#markerStep, bytes: needed, again: true }
    if (lba >= header.capacitySectors)
      throw this.#fail('VMDK_CORRUPT_GRAIN', 'a grain lies beyond the end of the disk', lba)
    if (lba % header.grainSectors !== 0) throw this.#fail('VMDK_CORRUPT_GRAIN', 'a grain lies between two grains', lba)
    if (lba <= this.#lastLba) throw this.#fail('VMDK_CORRUPT_GRAIN', 'a grain comes after a later one', lba)
    const sector = this.#steps.offset / SECTOR_BYTES
    if (sector > 0xffffffff) throw this.#fail('VMDK_UNSUPPORTED', 'it is longer than 2 TiB', lba)
    this.#tables.addGrain(lba, sector)
    this.#lastLba = lba
    this.#inflateInto(header, bytes.subarray(GRAIN_MARKER_BYTES, GRAIN_MARKER_BYTES + size), lba, grainBytes)
    return this.#markerStep
  }

  #inflateInto(header: VmdkHeader, compressed: Buffer, lba: number, grainBytes: number): void {
    const diskOffset = lba * SECTOR_BYTES
    const index = Math.floor(diskOffset / BLOCK_BYTES)
    if (index !== this.#blockIndex) {
      this.#flushBlock()
      this.#blockIndex = index
    }
    const at = diskOffset - index * BLOCK_BYTES
    this.#block.fill(0, this.#blockFill, Math.max(at, this.#blockFill))
    let inflated: number
    try {
      inflated = this.#inflate(compressed, this.#block, at, grainBytes)
    } catch (cause) {
      throw this.#fail('VMDK_CORRUPT_GRAIN', `a grain cannot be inflated: ${(cause as Error).message}`, lba, cause)
    }
    // The disk's last grain may be cut where the disk ends (qemu-img) or be whole (ESXi).
    const onDisk = Math.min(grainBytes, header.capacitySectors * SECTOR_BYTES - diskOffset)
    if (inflated !== grainBytes && inflated !== onDisk) {
      throw this.#fail('VMDK_CORRUPT_GRAIN', `a grain inflates to ${inflated} bytes, not ${grainBytes}`, lba)
    }
    this.#blockFill = at + inflated
  }

  #flushBlock(): void {
    if (this.#blockIndex < 0) return
    const length = blockLength(this.capacityBytes as number, this.#blockIndex)
    if (this.#blockFill < length) this.#block.fill(0, this.#blockFill, length)
    this.#options.onBlock(this.#blockIndex, this.#block.subarray(0, length))
    this.#blockIndex = -1
    this.#blockFill = 0
  }

  #finish(): void {
    this.#flushBlock()
    this.#ended = true
  }

  #decode(sector: Buffer, code: 'VMDK_UNSUPPORTED' | 'VMDK_CORRUPT'): VmdkHeader {
    try {
      return decodeHeader(sector)
    } catch (cause) {
      throw this.#fail(code, (cause as Error).message, undefined, cause)
    }
  }

  #fail(code: keyof typeof hints, reason: string, lba = this.#lastLba, cause?: unknown): ApplianceError {
    const diskOffset = Math.max(0, lba) * SECTOR_BYTES
    const message = `The VMDK stream of ${this.#options.label} is refused: ${reason} (stream offset ${this.#steps.offset}, disk offset ${diskOffset})`
    this.#failure = new ApplianceError(code, message, { cause, hint: hints[code] })
    return this.#failure
  }
}

/** Small enough that a slice, which may inflate 128-fold, makes at most 8 MiB of blocks wait. */
const SLICE_BYTES = 64 * 1024

/** A VMDK stream as blocks, in rising order, zero blocks left out. Throws what VmdkStreamReader throws, or the signal's reason. */
export async function* readVmdkStream(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: { label: string; sizeBytesExpected?: number; signal: AbortSignal },
): AsyncGenerator<Block> {
  const { signal, ...rest } = options
  const ready: Block[] = []
  const reader = new VmdkStreamReader({
    ...rest,
    onBlock: (index, data) => ready.push({ index, data: new Uint8Array(data) }),
  })
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += SLICE_BYTES) {
      signal.throwIfAborted()
      reader.write(chunk.subarray(at, at + SLICE_BYTES))
      yield* ready.splice(0)
    }
  }
  signal.throwIfAborted()
  reader.end()
  yield* ready.splice(0)
}
