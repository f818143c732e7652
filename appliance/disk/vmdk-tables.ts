// Checks a stream's grain tables and directory against the grains that were really there, in memory that hardly grows.
import zlib from 'node:zlib'
import { SECTOR_BYTES, TABLE_BYTES, TABLE_ENTRIES } from './vmdk-format.ts'

const emptyTableCrc = zlib.crc32(Buffer.alloc(TABLE_BYTES))

/**
 * Grains and tables meet in one CRC-32 per table of 512 grains: tables may stand before, between or after their grains,
 * and keeping every entry would take 128 MiB for a disk of 2 TiB. It guards the structure; bytes have their own checksums.
 */
export class TableCheck {
  readonly #grainSectors: number
  /** Table index → CRC of the table that the grains call for; only tables with grains. */
  readonly #wanted = new Map<number, number>()
  /** Sector in the stream → CRC of the table that stands there. */
  readonly #found = new Map<number, number>()
  readonly #entries = Buffer.alloc(TABLE_BYTES)
  #index = -1
  #directory: { sector: number; entries: Buffer } | undefined

  constructor(grainSectors: number) {
    this.#grainSectors = grainSectors
  }

  /** Notes a grain for `lba` whose marker stands at `sector` of the stream. Grains come in rising order. */
  addGrain(lba: number, sector: number): void {
    const grain = lba / this.#grainSectors
    const index = Math.floor(grain / TABLE_ENTRIES)
    if (index !== this.#index) {
      this.#close()
      this.#index = index
    }
    this.#entries.writeUInt32LE(sector, (grain % TABLE_ENTRIES) * 4)
  }

  addTable(sector: number, table: Uint8Array): void {
    this.#found.set(sector, zlib.crc32(table))
  }

  /** Keeps the directory; a second one (redundant tables) replaces the first. */
  addDirectory(sector: number, entries: Uint8Array): void {
    this.#directory = { sector, entries: Buffer.from(entries) }
  }

  get directorySector(): number | undefined {
    return this.#directory?.sector
  }

  /** Where the directory says that grain tables stand, in the order of the disk. */
  tableSectors(): number[] {
    const { entries } = this.#directory ?? { entries: Buffer.alloc(0) }
    const sectors: number[] = []
    for (let at = 0; at < entries.length; at += 4) {
      const sector = entries.readUInt32LE(at)
      if (sector !== 0) sectors.push(sector)
    }
    return sectors
  }

  /** What does not agree, once all was seen, or undefined. */
  disagreement(tables: number): string | undefined {
    this.#close()
    if (!this.#directory) return 'the grain directory is missing'
    for (let index = 0; index < tables; index++) {
      const sector = this.#directory.entries.readUInt32LE(index * 4)
      const wanted = this.#wanted.get(index)
      if (sector === 0) {
        if (wanted !== undefined) return `the directory has no grain table ${index}, but its grains came`
        continue
      }
      const found = this.#found.get(sector)
      if (found === undefined)
        return `grain table ${index} is not where the directory says (byte ${sector * SECTOR_BYTES})`
      if (found !== (wanted ?? emptyTableCrc)) return `grain table ${index} does not list the grains that came`
    }
    return undefined
  }

  #close(): void {
    if (this.#index < 0) return
    this.#wanted.set(this.#index, zlib.crc32(this.#entries))
    this.#entries.fill(0)
    this.#index = -1
  }
}
