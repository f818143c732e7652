// Plain files in a tar archive, in the one form in which a release bundle has them. Source: POSIX pax, "ustar Interchange Format".
import { Header } from 'tar'

export interface TarEntry {
  path: string
  sizeBytes: number
  executable: boolean
}

export const blockBytes = 512

/** An archive ends with two empty blocks. */
export const endOfArchive = Buffer.alloc(2 * blockBytes)

/**
 * The header of a plain file. There is exactly one for an entry: a reader that knows what must come compares bytes, and has
 * nothing to interpret.
 * @throws {RangeError} when the path is too long for it
 */
export function headerOf({ path, sizeBytes: size, executable }: TarEntry): Buffer {
  const header = Buffer.alloc(blockBytes)
  // The epoch as the time, nobody as the owner: two builds of a commit are the same bytes.
  const fields = { path, size, mode: executable ? 0o755 : 0o644, uid: 0, gid: 0, mtime: new Date(0) }
  if (new Header({ ...fields, type: 'File' }).encode(header))
    throw new RangeError(`The path ${path} is too long for tar`)
  return header
}

/** The size that the header of a plain, not executable file of that path says; undefined when it is no such header. */
export function sizeIn(header: Buffer, path: string): number | undefined {
  const octal = /^[0-7]+/.exec(header.toString('latin1', 124, 136))?.[0]
  if (octal === undefined) return undefined
  const sizeBytes = Number.parseInt(octal, 8)
  return headerOf({ path, sizeBytes, executable: false }).equals(header) ? sizeBytes : undefined
}

/** Bytes that fill an entry's last block. */
export function paddingOf({ sizeBytes }: Pick<TarEntry, 'sizeBytes'>): number {
  return (blockBytes - (sizeBytes % blockBytes)) % blockBytes
}
