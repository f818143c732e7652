// Makes a release bundle: a tar of the manifest, its signature, and the files in one compressed archive.
import { createHash, type KeyObject } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { rename, rm, stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { replaceFile } from '../durable-file.ts'
import { refuseOtherKeys, signManifest } from './release-keys.ts'
import {
  archiveName,
  manifestName,
  parseManifest,
  product,
  type ReleaseFile,
  signatureName,
} from './release-manifest.ts'
import { endOfArchive, headerOf, paddingOf, type TarEntry } from './tar-entries.ts'

export interface ReleaseSource {
  /** In the release. */
  path: string
  /** On this machine. */
  from: string
  executable: boolean
}

export interface ReleaseOptions {
  version: string
  minimumVersion: string
  releasedAt: Date
  files: readonly ReleaseSource[]
  privateKey: KeyObject
  /** The bundle. The same sources and options give the same bytes. */
  out: string
  /** For tests: what an appliance refuses. */
  product?: string
}

/** Writes the bundle and returns its SHA-256 in hex. After an error there is none. */
export async function makeRelease(options: ReleaseOptions): Promise<string> {
  refuseOtherKeys(options.privateKey)
  const archivePath = `${options.out}.archive.new`
  const unfinished = `${options.out}.new`
  try {
    const files: ReleaseFile[] = []
    const archive = new Digest()
    await pipeline(
      Readable.from(archiveBytes(options.files, files), { objectMode: false }),
      createGzip({ level: 9 }),
      bytes => archive.through(bytes),
      createWriteStream(archivePath, { flags: 'wx' }),
    )
    const manifest = manifestBytes(options, archive, files)
    parseManifest(manifest) // What an appliance would refuse is not signed.
    const bundle = new Digest()
    await pipeline(
      bundleBytes(manifest, signManifest(manifest, options.privateKey), archivePath, archive.sizeBytes),
      bytes => bundle.through(bytes),
      createWriteStream(unfinished, { flags: 'wx' }),
    )
    await rename(unfinished, options.out)
    const sha256 = bundle.hex()
    await replaceFile(`${options.out}.sha256`, `${sha256}  ${options.out.split('/').at(-1)}\n`, 0o644)
    return sha256
  } finally {
    await rm(archivePath, { force: true })
    await rm(unfinished, { force: true })
  }
}

function manifestBytes(options: ReleaseOptions, archive: Digest, files: ReleaseFile[]): Buffer {
  const manifest = {
    format: 1,
    product: options.product ?? product,
    version: options.version,
    minimumVersion: options.minimumVersion,
    releasedAt: options.releasedAt.toISOString().replace(/\.\d+/, ''),
    archive: { sizeBytes: archive.sizeBytes, sha256: archive.hex() },
    files,
  }
  return Buffer.from(`${JSON.stringify(manifest, undefined, 1)}\n`)
}

/** The files one after the other; each is listed when its last byte has been read. */
async function* archiveBytes(sources: readonly ReleaseSource[], listed: ReleaseFile[]): AsyncGenerator<Buffer> {
  for (const { path, from, executable } of sources) {
    const entry = { path, sizeBytes: (await stat(from)).size, executable }
    const content = new Digest()
    yield* entryBytes(entry, content.through(createReadStream(from)))
    if (content.sizeBytes !== entry.sizeBytes) throw new RangeError(`${from} changed while it was read`)
    listed.push({ ...entry, sha256: content.hex() })
  }
  yield endOfArchive
}

async function* bundleBytes(manifest: Buffer, signature: Buffer, archivePath: string, archiveSize: number) {
  const parts: [string, number, AsyncIterable<Buffer> | Iterable<Buffer>][] = [
    [manifestName, manifest.length, [manifest]],
    [signatureName, signature.length, [signature]],
    [archiveName, archiveSize, createReadStream(archivePath)],
  ]
  for (const [path, sizeBytes, content] of parts) yield* entryBytes({ path, sizeBytes, executable: false }, content)
  yield endOfArchive
}

async function* entryBytes(entry: TarEntry, content: AsyncIterable<Buffer> | Iterable<Buffer>): AsyncGenerator<Buffer> {
  yield headerOf(entry)
  yield* content
  yield Buffer.alloc(paddingOf(entry))
}

/** Size and SHA-256 of what passes through. */
class Digest {
  readonly #hash = createHash('sha256')
  sizeBytes = 0

  async *through(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const bytes of source) {
      this.#hash.update(bytes)
      this.sizeBytes += bytes.length
      yield bytes
    }
  }

  hex(): string {
    return this.#hash.copy().digest('hex')
  }
}
