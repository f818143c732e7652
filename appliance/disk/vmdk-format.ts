// The streamOptimized VMDK's fixed structures: header, markers, tables. Source: VMware's "Virtual Disk Format 5.0".

export const SECTOR_BYTES = 512
/** Entries of a grain table; with 64 KiB grains a table stands for 32 MiB of disk. */
export const TABLE_ENTRIES = 512
export const TABLE_BYTES = TABLE_ENTRIES * 4
/** gdOffset of a header that was written before the directory's place was known: the footer has it. */
export const DIRECTORY_AT_END = 0xffffffffffffffffn
/** Newline probe, compressed grains, markers. */
export const STREAM_FLAGS = 0x30001
/** qemu-img also writes a second set of tables. */
export const REDUNDANT_TABLES_FLAG = 0x2
const MAGIC = 0x564d444b
const NEWLINE_PROBE = '\n \r\n'
export const COMPRESSION_DEFLATE = 1

export const marker = { end: 0, table: 1, directory: 2, footer: 3 } as const
/** Bytes before a grain's data: u64 LBA and u32 size. */
export const GRAIN_MARKER_BYTES = 12

export interface VmdkHeader {
  version: number
  flags: number
  capacitySectors: number
  grainSectors: number
  descriptorSector: number
  descriptorSectors: number
  tableEntries: number
  /** undefined: at the end of the stream. */
  directorySector: number | undefined
  overheadSectors: number
  compression: number
}

export function roundUpToSector(bytes: number): number {
  return Math.ceil(bytes / SECTOR_BYTES) * SECTOR_BYTES
}

/** How many grain tables, and so directory entries, a disk has. */
export function tableCount(header: Pick<VmdkHeader, 'capacitySectors' | 'grainSectors'>): number {
  return Math.ceil(header.capacitySectors / (header.grainSectors * TABLE_ENTRIES))
}

export function encodeHeader(header: VmdkHeader): Buffer {
  const sector = Buffer.alloc(SECTOR_BYTES)
  sector.writeUInt32LE(MAGIC, 0)
  sector.writeUInt32LE(header.version, 4)
  sector.writeUInt32LE(header.flags, 8)
  sector.writeBigUInt64LE(BigInt(header.capacitySectors), 12)
  sector.writeBigUInt64LE(BigInt(header.grainSectors), 20)
  sector.writeBigUInt64LE(BigInt(header.descriptorSector), 28)
  sector.writeBigUInt64LE(BigInt(header.descriptorSectors), 36)
  sector.writeUInt32LE(header.tableEntries, 44)
  sector.writeBigUInt64LE(header.directorySector === undefined ? DIRECTORY_AT_END : BigInt(header.directorySector), 56)
  sector.writeBigUInt64LE(BigInt(header.overheadSectors), 64)
  sector.write(NEWLINE_PROBE, 73, 'latin1')
  sector.writeUInt16LE(header.compression, 77)
  return sector
}

/** Parses a header or footer; throws an Error that says what is wrong. Whether its figures can be served is for `unsupported`. */
export function decodeHeader(sector: Buffer): VmdkHeader {
  if (sector.readUInt32LE(0) !== MAGIC) throw new Error('it does not begin with the VMDK magic KDMV')
  if (sector.toString('latin1', 73, 77) !== NEWLINE_PROBE) throw new Error('its newline probe was changed on the way')
  const u64 = (at: number, name: string) => {
    const value = sector.readBigUInt64LE(at)
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error(`its ${name} is out of range`)
    return Number(value)
  }
  return {
    version: sector.readUInt32LE(4),
    flags: sector.readUInt32LE(8),
    capacitySectors: u64(12, 'capacity'),
    grainSectors: u64(20, 'grain size'),
    descriptorSector: u64(28, 'descriptor offset'),
    descriptorSectors: u64(36, 'descriptor size'),
    tableEntries: sector.readUInt32LE(44),
    directorySector: sector.readBigUInt64LE(56) === DIRECTORY_AT_END ? undefined : u64(56, 'directory offset'),
    overheadSectors: u64(64, 'overhead'),
    compression: sector.readUInt16LE(77),
  }
}

/** 64 TiB, beyond vSphere's 62 TiB: a larger figure is damage, and would size our tables. */
const MAX_CAPACITY_SECTORS = 2 ** 37
/** 1 MiB; VMware and qemu-img write 20 sectors, ovftool up to 128. */
const MAX_DESCRIPTOR_SECTORS = 2048

/** Why a header that parsed cannot be read by this reader, or undefined. `maxGrainBytes`: the unit that grains are gathered in. */
export function unsupported(header: VmdkHeader, maxGrainBytes: number): string | undefined {
  const grainBytes = header.grainSectors * SECTOR_BYTES
  const knownFlags = STREAM_FLAGS | REDUNDANT_TABLES_FLAG
  if (header.version < 1 || header.version > 3) return `version ${header.version}`
  if ((header.flags & STREAM_FLAGS) !== STREAM_FLAGS)
    return `flags 0x${header.flags.toString(16)} (not streamOptimized)`
  if ((header.flags & ~knownFlags) !== 0) return `flags 0x${header.flags.toString(16)}`
  if (header.compression !== COMPRESSION_DEFLATE) return `compression ${header.compression}`
  if (header.tableEntries !== TABLE_ENTRIES) return `${header.tableEntries} entries a grain table`
  if (header.grainSectors < 8 || grainBytes > maxGrainBytes || maxGrainBytes % grainBytes !== 0) {
    return `grains of ${header.grainSectors} sectors`
  }
  if (header.capacitySectors < 1 || header.capacitySectors > MAX_CAPACITY_SECTORS) {
    return `a capacity of ${header.capacitySectors} sectors`
  }
  if (header.descriptorSectors > MAX_DESCRIPTOR_SECTORS) return `a descriptor of ${header.descriptorSectors} sectors`
  if (header.overheadSectors < 1 + header.descriptorSectors) return `an overhead of ${header.overheadSectors} sectors`
  return undefined
}

/** A footer repeats the header; which of the figures that decide how bytes are read does not, or undefined. */
export function headerDifference(header: VmdkHeader, footer: VmdkHeader): string | undefined {
  const deciding = ['version', 'flags', 'capacitySectors', 'grainSectors', 'tableEntries', 'compression'] as const
  return deciding.find(name => header[name] !== footer[name])
}

/** A marker before a table, directory, footer or, with 0 sectors, at the end. */
export function encodeMarker(type: (typeof marker)[keyof typeof marker], sectors: number): Buffer {
  const sector = Buffer.alloc(SECTOR_BYTES)
  sector.writeUInt32LE(sectors, 0)
  sector.writeUInt32LE(type, 12)
  return sector
}
