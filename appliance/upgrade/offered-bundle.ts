// The one release bundle that is ready to be installed: received piece by piece, verified while it comes, kept until it is used.
import type { KeyObject } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, lstat, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ApplianceError, toApplianceError } from '../errors.ts'
import { ignoreMissing } from '../missing-file.ts'
import { makePrivateDirectory, syncDirectory } from '../private-file.ts'
import { readRelease } from './read-release.ts'
import { damaged, type ReleaseManifest, releaseLimits } from './release-manifest.ts'
import { blockBytes } from './tar-entries.ts'
import { compareVersions } from './version.ts'

export type BundleOrigin = 'upload' | 'url' | 'bucket'

/** A bundle on its way in. */
export interface BundleSource {
  content: AsyncIterable<Buffer>
  /** As far as the other side says it beforehand. */
  sizeBytes?: number | undefined
  /** Lets go of the other side, whether all has come or not. */
  close(): void
}

export interface Offer {
  version: string
  releasedAt: string
  sizeBytes: number
  receivedAt: string
  /** In the directory of uploads. */
  file: string
}

export interface Receiving {
  from: BundleOrigin
  receivedBytes: number
  totalBytes?: number
  /** Known, and signed, once its manifest has come. */
  version?: string
}

export interface BundleRefusal {
  from: BundleOrigin | 'install'
  code: string
  message: string
  hint: string
  at: string
}

export interface OfferedBundleOptions {
  /** `uploads` of the data directory: the helper takes bundles from there, and from nowhere else. */
  directory: string
  /** Version of the release that runs. */
  running: string
  keys(): Promise<KeyObject[]>
  freeBytes(directory: string): number | undefined
  /** Something of this has changed. */
  changed(): void
  now(): Date
  /** Longest time without a byte, milliseconds. */
  stallMs?: number
  /** Longest time for all bytes, milliseconds. */
  wholeMs?: number
}

export interface ReceiveOptions {
  from: BundleOrigin
  open(signal: AbortSignal): Promise<BundleSource>
  /** Somebody only looks whether there is anything newer: that there is not is no refusal. */
  look?: boolean
}

/** What the largest manifest, its signature and the largest archive take together. */
export const maxBundleBytes = releaseLimits.manifestBytes + releaseLimits.archiveBytes + 10 * blockBytes
/** Stays free for the log, manifests of runs, and two copies of the database: the mark at which the health check warns of an error. */
const reserveBytes = 512 * 2 ** 20
/** A proxy that looks for viruses may hold a file back for long. */
const defaultStallMs = 120_000
/** The largest comes in time at 25 KB/s. A source that drips for ever would keep every other bundle out. */
const defaultWholeMs = 6 * 3_600_000
/** Between two tellings of how much has come. */
const tellMs = 500

const unfinishedName = 'hoist-incoming.part'
const nameOf = (version: string) => `hoist-${version}.tar`
const isOurs = (name: string) => /^hoist-.*\.(tar|part)$/.test(name)

export class OfferedBundle {
  readonly #options: OfferedBundleOptions
  #offer: Offer | undefined
  #receiving: (Receiving & { cancel: AbortController }) | undefined
  #refused: BundleRefusal | undefined

  constructor(options: OfferedBundleOptions) {
    this.#options = options
  }

  get offer(): Offer | undefined {
    return this.#offer
  }

  get receiving(): Receiving | undefined {
    if (!this.#receiving) return undefined
    const { cancel: _, ...receiving } = this.#receiving
    return receiving
  }

  /** Why the latest bundle was not taken. */
  get refused(): BundleRefusal | undefined {
    return this.#refused
  }

  /**
   * Finds what an earlier start has received; of several the newest. What is not newer any more, damaged or was not finished
   * goes. What cannot be read for now stays, and is told of as a refusal: whoever has brought it need not do so again.
   */
  async find(): Promise<void> {
    const { directory, keys, changed } = this.#options
    await makePrivateDirectory(directory)
    await this.#remove(unfinishedName)
    const names = (await readdir(directory)).filter(name => isOurs(name) && name !== unfinishedName)
    try {
      // Before any bundle is looked at: that they cannot be read is no fault of it.
      const trusted = names.length === 0 ? [] : await keys()
      let newest: Offer | undefined
      for (const name of names) newest = await this.#newerOf(newest, name, trusted)
      this.#offer ??= newest
    } catch (thrown) {
      this.refuse('upload', unreadable('The release bundle', thrown))
    }
    changed()
  }

  /** A power cut between a bundle's arrival and the removal of the former one leaves two. */
  async #newerOf(other: Offer | undefined, name: string, keys: KeyObject[]): Promise<Offer | undefined> {
    const found = await this.#offerIn(name, keys)
    if (!found || !other) return found ?? other
    const [newer, older] = compareVersions(found.version, other.version) > 0 ? [found, other] : [other, found]
    await this.#remove(older.file)
    return newer
  }

  async #offerIn(name: string, keys: KeyObject[]): Promise<Offer | undefined> {
    const { directory, running } = this.#options
    const path = join(directory, name)
    try {
      const stats = await lstat(path).catch(ignoreMissing)
      if (!stats) return undefined // An upload has taken its place meanwhile.
      if (!stats.isFile()) throw damaged('it is no regular file')
      const { manifest } = await readRelease(createReadStream(path), keys, running, drain)
      if (name !== nameOf(manifest.version)) throw damaged(`its name is ${name}`)
      return offerOf(manifest, stats.size, stats.mtime)
    } catch (thrown) {
      // Of no use, whatever it is: the one that was installed, or half of one.
      if (thrown instanceof ApplianceError) await this.#remove(name)
      else this.refuse('upload', unreadable(`The release bundle ${name}`, thrown))
      return undefined
    }
  }

  /** Whoever is quicker with an upload than a start with its looking is not robbed of it. */
  async #remove(name: string): Promise<void> {
    if (this.#receiving || this.#offer?.file === name) return
    await rm(join(this.#options.directory, name), { force: true, recursive: true })
  }

  /**
   * Receives a bundle and verifies it on the way: what is not signed is not waited for. It takes the place of the former one.
   * @returns undefined if `look` has found nothing newer
   * @throws {ApplianceError} RELEASE_*; after any error the former one is still there
   */
  async receive({ from, open, look = false }: ReceiveOptions): Promise<Offer | undefined> {
    if (this.#receiving) throw busy()
    const cancel = new AbortController()
    this.#receiving = { from, receivedBytes: 0, cancel }
    this.#refused = undefined
    this.#options.changed()
    let source: BundleSource | undefined
    try {
      await makePrivateDirectory(this.#options.directory)
      source = await open(cancel.signal)
      const offer = await this.#take(source, cancel.signal, look)
      await this.#removeOthers(offer.file)
      this.#offer = offer
      return offer
    } catch (thrown) {
      const error = namedError(cancel.signal.aborted ? cancel.signal.reason : thrown)
      if (look && error.code === 'RELEASE_NOT_NEWER') return undefined
      if (!cancel.signal.aborted) this.refuse(from, error)
      throw error
    } finally {
      source?.close()
      this.#receiving = undefined
      this.#options.changed()
    }
  }

  /** Gives up what is being received. */
  cancel(): void {
    this.#receiving?.cancel.abort(
      new ApplianceError('RELEASE_INTERRUPTED', 'The release bundle was given up on request.', {
        statusCode: 409,
        hint: 'Begin again when it suits.',
      }),
    )
  }

  /** Removes what is on offer, and what was said of a refusal. */
  async discard(): Promise<void> {
    const { directory, changed } = this.#options
    if (this.#offer) await rm(join(directory, this.#offer.file), { force: true })
    this.#offer = undefined
    this.#refused = undefined
    changed()
  }

  refuse(from: BundleRefusal['from'], { code, message, hint }: ApplianceError): void {
    this.#refused = { from, code, message, hint, at: this.#options.now().toISOString() }
    this.#options.changed()
  }

  async #take(source: BundleSource, signal: AbortSignal, look: boolean): Promise<Offer> {
    const { directory, running, keys, stallMs = defaultStallMs, wholeMs = defaultWholeMs } = this.#options
    this.#refuseSize(source.sizeBytes)
    this.#note({ ...(source.sizeBytes === undefined ? {} : { totalBytes: source.sizeBytes }) })
    const path = join(directory, unfinishedName)
    await rm(path, { force: true })
    const file = await openNew(path)
    try {
      const arriving = this.#written(timely(source.content, { stallMs, wholeMs }, signal), file)
      const { manifest } = await readRelease(arriving, await keys(), running, drain, ({ version }) => {
        this.#note({ version })
        if (look && this.#offer && compareVersions(version, this.#offer.version) <= 0) throw nothingNewer(version)
      })
      await file.sync()
      const { size } = await file.stat()
      const offer = offerOf(manifest, size, this.#options.now())
      await rename(path, join(directory, offer.file))
      await syncDirectory(join(directory, offer.file))
      return offer
    } finally {
      await file.close()
      await rm(path, { force: true })
    }
  }

  /** Each piece is on its way to the disk before it is looked at: what was verified is what was written. */
  async *#written(content: AsyncIterable<Buffer>, file: FileHandle): AsyncGenerator<Buffer> {
    let receivedBytes = 0
    let telling: NodeJS.Timeout | undefined
    const tell = () => {
      telling = undefined
      this.#options.changed()
    }
    try {
      for await (const piece of content) {
        receivedBytes += piece.length
        this.#refuseSize(receivedBytes)
        await file.writeFile(piece)
        this.#note({ receivedBytes })
        // The last piece before a pause is told of, too.
        telling ??= setTimeout(tell, tellMs).unref()
        yield piece
      }
    } finally {
      clearTimeout(telling)
    }
  }

  #note(changes: Partial<Receiving>): void {
    if (this.#receiving) Object.assign(this.#receiving, changes)
  }

  #refuseSize(sizeBytes: number | undefined): void {
    if (sizeBytes !== undefined && sizeBytes > maxBundleBytes)
      throw new ApplianceError('RELEASE_TOO_LARGE', `A release bundle has ${maxBundleBytes} bytes at most.`, {
        hint: 'Choose the file hoist-VERSION.tar of the release, not the OVA.',
      })
    const { directory, freeBytes } = this.#options
    const free = freeBytes(directory)
    const wanted = (sizeBytes ?? 0) - (this.#receiving?.receivedBytes ?? 0) + reserveBytes
    if (free !== undefined && free < wanted) throw noRoom(free)
  }

  async #removeOthers(kept: string): Promise<void> {
    const { directory } = this.#options
    for (const name of (await readdir(directory)).filter(isOurs))
      if (name !== kept) await rm(join(directory, name), { force: true, recursive: true })
  }
}

/** The other side may fall silent or drip for ever, and a wait for it does not end by itself. */
async function* timely(
  content: AsyncIterable<Buffer>,
  { stallMs, wholeMs }: { stallMs: number; wholeMs: number },
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const startedAtMs = performance.now()
  const chunks = content[Symbol.asyncIterator]()
  for (;;) {
    signal.throwIfAborted()
    if (performance.now() - startedAtMs > wholeMs) throw tooSlow(wholeMs)
    const { promise: ended, reject } = Promise.withResolvers<never>()
    const giveUp = () => reject(signal.reason)
    const timer = setTimeout(() => reject(stalled(stallMs)), stallMs)
    signal.addEventListener('abort', giveUp, { once: true })
    try {
      const { value, done } = await Promise.race([chunks.next(), ended])
      if (done) return
      yield value
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', giveUp)
    }
  }
}

async function openNew(path: string): Promise<FileHandle> {
  return await open(path, 'wx', 0o600)
}

/** Its bytes are written already, or stand on the disk. */
async function drain(bytes: AsyncIterable<Buffer>): Promise<void> {
  for await (const _ of bytes);
}

function offerOf({ version, releasedAt }: ReleaseManifest, sizeBytes: number, receivedAt: Date): Offer {
  return { version, releasedAt, sizeBytes, receivedAt: receivedAt.toISOString(), file: nameOf(version) }
}

function namedError(thrown: unknown): ApplianceError {
  if (thrown instanceof ApplianceError) return thrown
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
  if (code === 'ENOSPC' || code === 'EDQUOT') return noRoom(0, thrown)
  if (/^(ECONNRESET|ECONNABORTED|EPIPE|ETIMEDOUT|ERR_STREAM_PREMATURE_CLOSE)$/.test(code))
    return new ApplianceError('RELEASE_INTERRUPTED', 'The connection broke before the release bundle was whole.', {
      cause: thrown,
      hint: 'Begin again. If it happens always, look at proxies and firewalls on the way.',
    })
  return toApplianceError(thrown)
}

function stalled(stallMs: number): ApplianceError {
  return new ApplianceError('RELEASE_INTERRUPTED', `No byte of the release bundle came for ${stallMs / 1000} s.`, {
    hint: 'Look at the connection, then begin again.',
  })
}

function tooSlow(wholeMs: number): ApplianceError {
  return new ApplianceError(
    'RELEASE_INTERRUPTED',
    `The release bundle was not whole after ${wholeMs / 3_600_000} hours.`,
    {
      hint: 'Look at the connection, or take the bundle from elsewhere; then begin again.',
    },
  )
}

/** It is kept: what cannot be read for now is no fault of it. Of causes without a name only the system's code is told. */
function unreadable(what: string, cause: unknown): ApplianceError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'an unforeseen error'
  const why = cause instanceof ApplianceError ? cause.message : `${code}.`
  return new ApplianceError('RELEASE_UNREADABLE', `${what} that was received could not be verified: ${why}`, {
    cause,
    hint: 'It is kept. Restart the appliance: then it is looked at again. If this comes back, download the log bundle and report it.',
  })
}

function nothingNewer(version: string): ApplianceError {
  return new ApplianceError('RELEASE_NOT_NEWER', `Release ${version} is there already.`, { hint: 'Install it.' })
}

function noRoom(freeBytes: number, cause?: unknown): ApplianceError {
  return new ApplianceError(
    'RELEASE_NO_ROOM',
    `The data disk has ${Math.floor(freeBytes / 2 ** 20)} MiB free: too little for a release bundle beside what the appliance needs.`,
    { cause, hint: 'Enlarge "Hard disk 2" in vCenter and restart the appliance, or discard the bundle that is there.' },
  )
}

export function busy(): ApplianceError {
  return new ApplianceError('RELEASE_BUSY', 'Another release bundle is being received or installed.', {
    hint: 'Wait until it has ended, or cancel it.',
  })
}
