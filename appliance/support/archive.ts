// A tar archive as a stream of its bytes, compressed: nothing of it is ever whole in memory or on disk.
import { Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { Header } from 'tar'

export interface ArchiveFile {
  /** Below the archive's one folder; USTAR takes 100 bytes. */
  path: string
  sizeBytes: number
  content: AsyncIterable<Buffer> | Iterable<Buffer>
}

const blockBytes = 512

/** `tar.gz` of the files, in their order. It ends with an error when a file has not the size that was said. */
export function tarGzip(files: AsyncIterable<ArchiveFile>, modifiedAt: Date): Readable {
  const tar = Readable.from(blocks(files, modifiedAt), { objectMode: false })
  const gzip = createGzip()
  tar.on('error', error => gzip.destroy(error))
  // Whoever goes away in the middle must not leave the source open.
  gzip.on('close', () => tar.destroy())
  return tar.pipe(gzip)
}

async function* blocks(files: AsyncIterable<ArchiveFile>, mtime: Date): AsyncGenerator<Buffer> {
  for await (const { path, sizeBytes: size, content } of files) {
    const header = Buffer.alloc(blockBytes)
    if (new Header({ path, size, mtime, mode: 0o600, type: 'File' }).encode(header)) {
      throw new RangeError(`The name ${path} is too long for the archive`)
    }
    yield header
    let written = 0
    for await (const bytes of content) {
      written += bytes.length
      yield bytes
    }
    if (written !== size) throw new RangeError(`${path} has ${written} bytes, not ${size}`)
    const rest = size % blockBytes
    if (rest > 0) yield Buffer.alloc(blockBytes - rest)
  }
  // Two empty blocks end an archive (POSIX pax, "ustar Interchange Format").
  yield Buffer.alloc(2 * blockBytes)
}
