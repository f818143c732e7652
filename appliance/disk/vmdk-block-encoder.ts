// Encodes one block as the grains of a streamOptimized VMDK. Runs in the writer's workers, or in its own thread.
import { BLOCK_BYTES, isZero } from './disk.ts'
import { createDeflater, deflateBound } from './grain-codec.ts'
import { GRAIN_MARKER_BYTES, roundUpToSector, SECTOR_BYTES } from './vmdk-format.ts'

export const GRAIN_SECTORS = 128
export const GRAIN_BYTES = GRAIN_SECTORS * SECTOR_BYTES
export const GRAINS_PER_BLOCK = BLOCK_BYTES / GRAIN_BYTES
/** Room that the grains of any block fit into. */
export const ENCODED_BLOCK_BYTES = GRAINS_PER_BLOCK * roundUpToSector(GRAIN_MARKER_BYTES + deflateBound(GRAIN_BYTES))

/** Sectors that each grain of the block takes in the stream; 0 for a grain that is zero and left out. */
export type GrainSectors = number[]

export type EncodeBlock = (index: number, source: Uint8Array, target: Buffer) => GrainSectors

/** An encoder of its own zlib state. `source` has BLOCK_BYTES (zeros behind the disk's end), `target` ENCODED_BLOCK_BYTES. */
export function createBlockEncoder(): EncodeBlock {
  const deflate = createDeflater()
  return (index, source, target) => {
    let at = 0
    return Array.from({ length: GRAINS_PER_BLOCK }, (_, grain) => {
      const bytes = source.subarray(grain * GRAIN_BYTES, (grain + 1) * GRAIN_BYTES)
      if (isZero(bytes)) return 0
      const size = deflate(bytes, target, at + GRAIN_MARKER_BYTES)
      target.writeBigUInt64LE(BigInt((index * GRAINS_PER_BLOCK + grain) * GRAIN_SECTORS), at)
      target.writeUInt32LE(size, at + 8)
      const end = at + roundUpToSector(GRAIN_MARKER_BYTES + size)
      target.fill(0, at + GRAIN_MARKER_BYTES + size, end)
      const sectors = (end - at) / SECTOR_BYTES
      at = end
      return sectors
    })
  }
}
