// Puts a release bundle beside the running release: as releases/VERSION, whole and on disk, or not at all.
import { createHash, type KeyObject } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, mkdir, mkdtemp, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { replaceFile } from '../durable-file.ts'
import { ApplianceError } from '../errors.ts'
import { ignoreMissing } from '../missing-file.ts'
import { syncDirectory } from '../private-file.ts'
import { freeBytes as freeBytesAt } from '../store/sqlite-errors.ts'
import { ByteReader } from './byte-reader.ts'
import { readRelease } from './read-release.ts'
import { damaged, manifestName, type ReleaseFile, type ReleaseManifest, signatureName } from './release-manifest.ts'
import { endOfArchive, headerOf, paddingOf } from './tar-entries.ts'

/** What a process that was killed leaves; no version begins so. */
const unfinishedPrefix = '.unfinished-'

const chunkBytes = 256 * 1024

/** Of the file system: each file takes whole ones. */
const blockBytes = 4096
/** Stays free for directories, the journal, and what else the system writes in the minutes of an upgrade. */
const reserveBytes = 64 * 2 ** 20

export interface InstallOptions {
  /** Absolute path of `releases`. Only this user may write there: what is verified is not verified twice. */
  releases: string
  keys: readonly KeyObject[]
  /** Version of the release that runs. */
  running: string
  signal: AbortSignal
  /** For tests. Bytes that may still be written there; undefined when that cannot be told. */
  freeBytes?: (directory: string) => number | undefined
}

/**
 * Verifies and unpacks a bundle; the running release is not touched. A release of that version which an upgrade has left
 * there is replaced.
 * @throws {ApplianceError} RELEASE_*; after any error `releases` is as it was
 */
export async function installRelease(path: string, options: InstallOptions): Promise<ReleaseManifest> {
  options.signal.throwIfAborted()
  try {
    return await install(path, options)
  } catch (thrown) {
    throw isFull(thrown) ? await noRoom(options, thrown) : thrown
  }
}

async function install(path: string, options: InstallOptions): Promise<ReleaseManifest> {
  const { releases, keys, running, signal } = options
  await removeUnfinished(releases)
  const unfinished = await mkdtemp(join(releases, unfinishedPrefix))
  try {
    // A copy of our own: whoever has uploaded the bundle could change it between the look at it and its use.
    const archive = join(unfinished, 'archive')
    const keepArchive = (archived: AsyncIterable<Buffer>) => writeNew(archive, archived, 0o600)
    const hasRoom = (admitted: ReleaseManifest) => refuseWithoutRoom(admitted, options)
    const source = bytesOf(path, signal)
    const { manifest, bytes, signature } = await readRelease(source, keys, running, keepArchive, hasRoom)
    const tree = join(unfinished, 'tree')
    await mkdir(tree, { mode: 0o755 })
    await unpack(archive, tree, manifest, signal)
    await replaceFile(join(tree, manifestName), bytes, 0o644)
    await replaceFile(join(tree, signatureName), signature, 0o644)
    await putInPlace(tree, join(releases, manifest.version), join(unfinished, 'former'))
    return manifest
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
}

export async function removeUnfinished(releases: string): Promise<void> {
  for (const name of await readdir(releases))
    if (name.startsWith(unfinishedPrefix)) await rm(join(releases, name), { recursive: true, force: true })
}

/** Two directories cannot change places in one step: when the second step fails, the first is taken back. */
async function putInPlace(tree: string, place: string, former: string): Promise<void> {
  await rename(place, former).catch(ignoreMissing)
  try {
    await rename(tree, place)
    await syncDirectory(place)
  } catch (thrown) {
    await rename(place, tree).catch(ignoreMissing)
    await rename(former, place).catch(ignoreMissing)
    throw thrown
  }
}

/** The archive and what comes out of it lie there at the same time. Nothing of either is written before this. */
async function refuseWithoutRoom(manifest: ReleaseManifest, options: InstallOptions): Promise<void> {
  const { releases, freeBytes = freeBytesAt } = options
  const free = freeBytes(releases)
  const sizes = [manifest.archive, ...manifest.files].map(({ sizeBytes }) => Math.ceil(sizeBytes / blockBytes))
  const wanted = sizes.reduce((sum, blocks) => sum + blocks * blockBytes, reserveBytes)
  if (free !== undefined && free < wanted) throw await noRoom(options, undefined, { manifest, wanted, free })
}

function isFull(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && (thrown.code === 'ENOSPC' || thrown.code === 'EDQUOT')
}

/** For an administrator, who has no shell: what lies there, what clears it, and what to do when that is not enough. */
async function noRoom(
  { releases, running }: InstallOptions,
  cause: unknown,
  known?: { manifest: ReleaseManifest; wanted: number; free: number },
): Promise<ApplianceError> {
  const names = (await readdir(releases)).filter(name => !name.startsWith(unfinishedPrefix))
  const others = names.filter(name => name !== running).sort()
  const why = known
    ? `${Math.floor(known.free / 2 ** 20)} MiB are free, and release ${known.manifest.version} takes ${Math.ceil(known.wanted / 2 ** 20)} MiB while it is unpacked`
    : 'it became full while the release was unpacked'
  const beside = others.length === 0 ? 'nothing' : others.join(', ')
  return new ApplianceError(
    'RELEASE_NO_ROOM',
    `The system disk has no room for the release: ${why}. Beside ${running}, which runs, it holds: ${beside}.`,
    {
      cause,
      hint: 'Restart the machine (9 on its console): that removes what an interrupted upgrade has left. If it is not enough, export a backup, deploy the OVA of the new release and keep the data disk.',
    },
  )
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
