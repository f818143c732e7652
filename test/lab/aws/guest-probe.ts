// What VM Import looks for in a root disk: a partition table and the file system of an operating system it knows.
import { blockBytes, type SnapshotContent } from './snapshot-content.ts'

const sectorBytes = 512

export type Guest = 'Windows' | 'Linux' | 'no-partitions' | 'unknown'

/** MBR and GPT (UEFI specification, chapter 5); NTFS by its OEM id, ext4, XFS, Btrfs and LVM by their magics. */
export async function probeGuest(content: SnapshotContent): Promise<Guest> {
  const starts = await partitionStarts(content)
  if (starts.length === 0) return 'no-partitions'
  let guest: Guest = 'unknown'
  for (const start of starts) {
    const head = await read(content, start, 4096)
    if (head.toString('latin1', 3, 7) === 'NTFS') guest = 'Windows'
    else if (guest === 'unknown' && (await isLinux(content, start, head))) guest = 'Linux'
  }
  return guest
}

async function partitionStarts(content: SnapshotContent): Promise<number[]> {
  const mbr = await read(content, 0, sectorBytes)
  if (mbr.readUInt16LE(510) !== 0xaa55) return []
  const entries = [0, 1, 2, 3].map(index => mbr.subarray(446 + index * 16, 462 + index * 16))
  if (entries.some(entry => entry[4] === 0xee)) return gptStarts(content)
  return entries.filter(entry => entry[4] !== 0).map(entry => entry.readUInt32LE(8) * sectorBytes)
}

async function gptStarts(content: SnapshotContent): Promise<number[]> {
  const header = await read(content, sectorBytes, sectorBytes)
  if (header.toString('latin1', 0, 8) !== 'EFI PART') return []
  const [table, count, size] = [Number(header.readBigUInt64LE(72)), header.readUInt32LE(80), header.readUInt32LE(84)]
  if (count > 1024 || size < 128 || size > 4096) return []
  const entries = await read(content, table * sectorBytes, count * size)
  const starts: number[] = []
  for (let at = 0; at < entries.length; at += size) {
    if (entries.subarray(at, at + 16).some(byte => byte !== 0))
      starts.push(Number(entries.readBigUInt64LE(at + 32)) * sectorBytes)
  }
  return starts
}

async function isLinux(content: SnapshotContent, start: number, head: Buffer): Promise<boolean> {
  if (head.readUInt16LE(1080) === 0xef53) return true
  if (head.toString('latin1', 0, 4) === 'XFSB' || head.toString('latin1', 512, 520) === 'LABELONE') return true
  return (await read(content, start + 65_600, 8)).toString('latin1') === '_BHRfS_M'
}

/** Bytes anywhere in the content; zeros beyond its end. */
async function read(content: SnapshotContent, offset: number, length: number): Promise<Buffer> {
  const result = Buffer.alloc(length)
  for (let done = 0; done < length; ) {
    const at = offset + done
    const index = Math.floor(at / blockBytes)
    if (index >= content.blockCount) break
    const block = await content.readBlock(index)
    done += block.copy(result, done, at - index * blockBytes)
  }
  return result
}
