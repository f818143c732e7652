// Puts a release bundle beside the running release: as releases/VERSION, whole and on disk, or not at all.
import { createHash, type KeyObject } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, mkdir, mkdtemp, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { replaceFile } from '../durable-file.ts'
import { ignoreMissing } from '../missing-file.ts'
import { syncDirectory } from '../private-file.ts'
import { ByteReader } from './byte-reader.ts'
import { readRelease } from './read-release.ts'
import { damaged, manifestName, type ReleaseFile, type ReleaseManifest, signatureName } from './release-manifest.ts'
import { endOfArchive, headerOf, paddingOf } from './tar-entries.ts'

/** What a process that was killed leaves; no version begins so. */
const unfinishedPrefix = '.unfinished-'

const chunkBytes = 256 * 1024

export interface InstallOptions {
  /** Absolute path of `releases`. Only this user may write there: what is verified is not verified twice. */
  releases: string
  keys: readonly KeyObject[]
  /** Version of the release that runs. */
  running: string
  signal: AbortSignal
}

/**
 * Verifies and unpacks a bundle; the running release is not touched. A release of that version which an upgrade has left
 * there is replaced.
 * @throws {ApplianceError} RELEASE_*; after any error `releases` is as it was
 */
export async function installRelease(path: string, options: InstallOptions): Promise<ReleaseManifest> {
  const { releases, keys, running, signal } = options
  signal.throwIfAborted()
  await removeUnfinished(releases)
  const unfinished = await mkdtemp(join(releases, unfinishedPrefix))
  try {
    // A copy of our own: whoever has uploaded the bundle could change it between the look at it and its use.
    const archive = join(unfinished, 'archive')
    const { manifest, bytes, signature } = await readRelease(bytesOf(path, signal), keys, running, archived =>
      writeNew(archive, archived, 0o600),
    )
    const tree = join(unfinished, 'tree')
    await mkdir(tree, { mode: 0o755 })
    await unpack(archive, tree, manifest, signal)
    await replaceFile(join(tree, manifestName), bytes, 0o644)
    await replaceFile(join(tree, signatureName), signature, 0o644)
    const place = join(releases, manifest.version)
    await rename(place, join(unfinished, 'former')).catch(ignoreMissing)
    await rename(tree, place)
    await syncDirectory(place)
    return manifest
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
}

export async function removeUnfinished(releases: string): Promise<void> {
  for (const name of await readdir(releases))
    if (name.startsWith(unfinishedPrefix)) await rm(join(releases, name), { recursive: true, force: true })
}

/** The archive must hold what the manifest lists, in its order, and nothing else: links and devices have no place in that. */
async function unpack(archive: string, tree: string, manifest: ReleaseManifest, signal: AbortSignal): Promise<void> {
  const plain = createGunzip()
  // What goes wrong on the way is thrown by whoever reads `plain`.
  pipeline(Readable.from(bytesOf(archive, signal), { objectMode: false }), plain, () => undefined)
  const reader = new ByteReader(plain)
  const directories = new Set<string>([tree])
  try {
    for (const file of manifest.files) {
      signal.throwIfAborted()
      await reader.expect(headerOf(file), `the header of ${file.path}`)
      const place = join(tree, file.path)
      await makeDirectories(dirname(place), directories)
      await writeNew(place, verified(reader, file), file.executable ? 0o755 : 0o644, new Date(manifest.releasedAt))
      await reader.expect(Buffer.alloc(paddingOf(file)), `the padding of ${file.path}`)
    }
    await reader.expect(endOfArchive, "its archive's end")
    await reader.end()
  } catch (thrown) {
    signal.throwIfAborted()
    throw isZlibError(thrown) ? damaged('its archive cannot be decompressed', thrown) : thrown
  } finally {
    await reader.close()
  }
  for (const directory of directories) await syncDirectory(join(directory, 'any'))
}

async function makeDirectories(directory: string, made: Set<string>): Promise<void> {
  if (made.has(directory)) return
  await makeDirectories(dirname(directory), made)
  await mkdir(directory, { mode: 0o755 })
  made.add(directory)
}

async function* verified(reader: ByteReader, { path, sizeBytes, sha256 }: ReleaseFile): AsyncGenerator<Buffer> {
  const hash = createHash('sha256')
  for await (const bytes of reader.stream(sizeBytes)) {
    hash.update(bytes)
    yield bytes
  }
  if (hash.digest('hex') !== sha256) throw damaged(`${path} is not the one that was signed`)
}

/** A file that did not exist, on disk when this returns. */
async function writeNew(path: string, content: AsyncIterable<Buffer>, mode: number, modifiedAt?: Date): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    for await (const bytes of content) await file.writeFile(bytes)
    await file.chmod(mode)
    if (modifiedAt) await file.utimes(modifiedAt, modifiedAt)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** A pipe or device in the place of the bundle would hold us up for ever; a link could be to anything. */
async function* bytesOf(path: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const file = await openPlain(path)
  try {
    if (!(await file.stat()).isFile()) throw damaged('it is no regular file')
    for (;;) {
      signal.throwIfAborted()
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(chunkBytes))
      if (bytesRead === 0) return
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}

async function openPlain(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (cause) {
    throw damaged('it cannot be opened', cause)
  }
}

function isZlibError(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && /^(Z_|ERR_ZLIB)/.test(String(thrown.code))
}
